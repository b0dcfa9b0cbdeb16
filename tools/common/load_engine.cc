#include "tools/common/load_engine.h"

#include <dlfcn.h>
#ifdef PIE_MIMALLOC
#include <mimalloc.h>
#endif
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/thread_storage.h"
#include "tools/common/allocation.h"

namespace pie {
namespace {

// The engine lies beside the tools in a build tree and under ../lib when installed.
std::string engine_path() {
  std::array<char, 4096> buffer{};
  const ssize_t length = readlink("/proc/self/exe", buffer.data(), buffer.size() - 1);
  const auto folder = std::filesystem::path(length > 0 ? buffer.data() : "").parent_path();
  for (const char* place : {".", PIE_ENGINE_FOLDER}) {
    const auto path = folder / place / "libpie_engine.so";
    if (std::filesystem::exists(path)) return path.string();
  }
  return "libpie_engine.so";
}

// Address space of `size` bytes, for `what`.
void require_room(std::size_t size, const std::string& what) {
  void* room = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) {
    throw OperationError("out of memory: " + what + " takes " + std::to_string(size >> 20) +
                         " MiB of address space; raise the limit (ulimit -v)");
  }
  munmap(room, size);
}

// LibTorch and its libraries start as many threads each, and wait for ever for those that cannot be
// started.
void require_threads(int count) {
  constexpr std::size_t kPools = 2;
  std::mutex gate;
  std::vector<std::thread> threads;
  bool started = true;
  {
    const std::lock_guard<std::mutex> closed(gate);  // until all run side by side
    try {
      const auto wanted = kPools * static_cast<std::size_t>(count - 1);
      threads.reserve(wanted);
      while (threads.size() < wanted) {
        threads.emplace_back([&gate] { const std::lock_guard<std::mutex> passed(gate); });
      }
    } catch (const std::exception&) {
      started = false;
    }
  }
  for (auto& thread : threads) thread.join();
  if (!started) {
    throw OperationError("cannot start " + std::to_string(count) +
                         " threads; use -T 1, or raise the limits (ulimit -u, ulimit -v)");
  }
}

// The bound of what the process may allocate; 0: none of ours.
void bound_memory(rlim_t bytes) {
  struct rlimit limit {};
  ::getrlimit(RLIMIT_DATA, &limit);
  limit.rlim_cur = bytes == 0 ? limit.rlim_max : std::min(limit.rlim_max, bytes);
  ::setrlimit(RLIMIT_DATA, &limit);
}

bool loaded = false;

}  // namespace

void limit_memory(uint64_t bytes) {
  note_limited_memory();
  constexpr std::size_t kDataField = 5;  // of statm, in pages
  std::ifstream statm("/proc/self/statm");
  rlim_t pages = 0;
  for (std::size_t field = 0; field <= kDataField; ++field) statm >> pages;
  bound_memory(pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + bytes);
}

int thread_count(const CommonOptions& common) {
  constexpr int kAlways = 16;  // so that results can be compared on any machine
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  if (common.threads == 0) return cores;
  return std::min(common.threads, std::max(cores, kAlways));
}

const Engine& load_engine(const CommonOptions& common) {
  // Some libraries ask for ever for what they do not get when they start.
  if (common.max_memory > 0) bound_memory(0);
  require_room(std::size_t{850} << 20, "LibTorch");
  require_threads(thread_count(common));
#ifdef PIE_MIMALLOC
  // Training frees and allocates the same large blocks at every step: huge pages take a tenth off.
  mi_option_enable(mi_option_large_os_pages);
#endif
  // How long idle threads spin, set before OpenMP reads it: its default makes a loaded machine ten
  // times slower, and no spinning at all doubles the time of the many short parallel loops.
  setenv("GOMP_SPINCOUNT", "20000", 0);
  // Fewer threads than are asked for: OpenBLAS waits for the others.
  for (const char* fewer : {"OMP_DYNAMIC", "OMP_THREAD_LIMIT", "OMP_MAX_ACTIVE_LEVELS"}) {
    unsetenv(fewer);
  }
#if defined(__x86_64__)
  // OpenBLAS takes a CPU that is newer than itself for one of the oldest, with kernels at a quarter
  // of the speed. It reads this when it is loaded.
  if (__builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0) {
    setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
  } else if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) {
    setenv("OPENBLAS_CORETYPE", "Haswell", 0);
  }
#endif
  void* library = dlopen(engine_path().c_str(), RTLD_NOW | RTLD_GLOBAL);
  loaded = library != nullptr;
  void* symbol = library != nullptr ? dlsym(library, "pie_open_engine") : nullptr;
  if (symbol == nullptr) {
    throw OperationError(std::string("cannot load the engine: ") + dlerror() +
                         "; reinstall, and see tools/install-deps.sh for LibTorch");
  }
  // OpenBLAS asks for ever for what it does not get: a buffer for each thread, the first of which
  // is had when the engine is opened.
  constexpr std::size_t kOfThread = std::size_t{128} << 20, kMore = std::size_t{64} << 20;
  require_room(kMore + static_cast<std::size_t>(thread_count(common)) * kOfThread, "OpenBLAS");
  take_thread_storage();
  const auto& engine = *reinterpret_cast<decltype(&pie_open_engine)>(symbol)(common);
  if (common.max_memory > 0) limit_memory(common.max_memory);
  return engine;
}

bool engine_is_loaded() { return loaded; }

}  // namespace pie

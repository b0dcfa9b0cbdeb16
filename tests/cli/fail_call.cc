// Preloaded into a tool, makes one call of the system fail, as if there was no memory, no room on
// the disk, no right to it. Told by the environment:
//   FAIL_CALL   alloc, open, write, fsync or rename; or a library, such as libwebp: malloc in it
//   FAIL_AT     which of them, 1 the first after main has begun; 0: none
//   FAIL_COUNT  a file that gets, at the end, how many there were
//   FAIL_SERVER a socket: behind the loading of the engine, which takes most of a short run, says
//               how many there were until then (int64), and for each FAIL_AT that it reads (int64)
//               lets a copy of the process go on from there and says how that ended (int32, as
//               waitpid does)
// What happens while libraries are loaded is passed over, for a constructor cannot fail, and so is
// what they ask the kernel about processors: Debian's libcpuinfo (0.0~git20220617), which LibTorch
// calls, reads through a null pointer where it cannot open one of these files. So is the memory of
// oneDNN (2.6), whose kernels for gradients in bfloat16 write where none was given, and what glibc
// allocates for thread-local data, without which it ends the process; the tools ask for that
// beforehand (take_thread_storage).
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

std::atomic<bool> armed{false};
std::atomic<long> calls{0};
long fail_at = 0;
const char* kind = "";

// Whether this call has to fail.
bool fails(const char* call) { return armed && std::strcmp(kind, call) == 0 && ++calls == fail_at; }

// Whether a library whose name has `name` in it called what returns to `place`.
bool called_by(const char* name, const void* place) {
  Dl_info caller{};
  return dladdr(place, &caller) != 0 && std::strstr(caller.dli_fname, name) != nullptr;
}

template <typename Function>
Function* original(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

void write_count() {
  armed = false;
  const char* path = std::getenv("FAIL_COUNT");
  std::FILE* file = path != nullptr ? std::fopen(path, "w") : nullptr;
  if (file == nullptr) return;
  std::fprintf(file, "%ld\n", calls.load());
  std::fclose(file);
}

// Returns in the copies only.
void serve(int socket) {
  const std::int64_t before = calls;
  std::int64_t at = 0;
  bool asked = ::write(socket, &before, sizeof before) == sizeof before;
  while ((asked = asked && ::read(socket, &at, sizeof at) == sizeof at)) {
    const pid_t copy = fork();
    if (copy == 0) {
      close(socket);
      fail_at = at;
      return;
    }
    std::int32_t status = 0;
    asked = waitpid(copy, &status, 0) == copy &&
            ::write(socket, &status, sizeof status) == sizeof status;
  }
  _exit(0);
}

int (*real_main)(int, char**, char**);

int main_with_faults(int argc, char** argv, char** environment) {
  if (const char* call = std::getenv("FAIL_CALL")) kind = call;
  if (const char* at = std::getenv("FAIL_AT")) fail_at = std::atol(at);
  std::atexit(write_count);
  armed = true;
  return real_main(argc, argv, environment);
}

}  // namespace

// `NAME` with these parameters and arguments returns `failure` and sets errno if it is its turn.
#define PIE_FAULTY(call, error, failure, result, name, parameters, arguments) \
  extern "C" result name parameters {                                         \
    static const auto real = original(&name, #name);                          \
    if (fails(call)) {                                                        \
      errno = error;                                                          \
      return failure;                                                         \
    }                                                                         \
    return real arguments;                                                    \
  }

extern "C" void* mi_malloc(std::size_t size);
extern "C" void* mi_malloc_aligned(std::size_t size, std::size_t alignment);

PIE_FAULTY("alloc", ENOMEM, nullptr, void*, realloc, (void* memory, std::size_t size),
           (memory, size))
PIE_FAULTY("alloc", ENOMEM, nullptr, void*, mi_malloc, (std::size_t size), (size))
PIE_FAULTY("alloc", ENOMEM, nullptr, void*, mi_malloc_aligned,
           (std::size_t size, std::size_t alignment), (size, alignment))
PIE_FAULTY("write", ENOSPC, -1, ssize_t, write, (int fd, const void* data, std::size_t size),
           (fd, data, size))
PIE_FAULTY("fsync", EIO, -1, int, fsync, (int fd), (fd))
PIE_FAULTY("rename", EACCES, -1, int, rename, (const char* from, const char* to), (from, to))
PIE_FAULTY("rename", EPERM, -1, int, link, (const char* from, const char* to), (from, to))

extern "C" void* malloc(std::size_t size) {
  static const auto real = original(&malloc, "malloc");
  const void* caller = __builtin_return_address(0);
  const bool of_library = armed && std::strncmp(kind, "lib", 3) == 0 && called_by(kind, caller);
  if (fails(of_library ? kind : "alloc") && !called_by("ld-linux", caller)) {
    errno = ENOMEM;
    return nullptr;
  }
  return real(size);
}

extern "C" int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  static const auto real = original(&posix_memalign, "posix_memalign");
  if (fails("alloc") && !called_by("libdnnl", __builtin_return_address(0))) {
    return errno = ENOMEM;  // as the kernel's refusal behind a real one leaves it
  }
  return real(result, alignment, size);
}

extern "C" int open(const char* path, int flags, ...) {
  static const auto real = original(&open, "open");
  const bool of_kernel =
      std::strncmp(path, "/proc/", 6) == 0 || std::strncmp(path, "/sys/", 5) == 0;
  if (!of_kernel && fails("open")) {
    errno = EMFILE;
    return -1;
  }
  std::va_list rest;
  va_start(rest, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(rest, int) : 0;
  va_end(rest);
  return real(path, flags, mode);
}

extern "C" void _Exit(int code) {
  write_count();
  _exit(code);
}

extern "C" void* dlopen(const char* path, int flags) {
  static const auto real = original(&dlopen, "dlopen");
  const bool before = armed.exchange(false);
  void* library = real(path, flags);
  if (const char* socket = std::getenv("FAIL_SERVER"); before && socket != nullptr) {
    unsetenv("FAIL_SERVER");
    serve(std::atoi(socket));
  }
  armed = before;
  return library;
}

extern "C" int __libc_start_main(int (*main)(int, char**, char**), int argc, char** argv,
                                 void (*init)(), void (*fini)(), void (*rtld_fini)(),
                                 void* stack_end) {
  static const auto real = original(&__libc_start_main, "__libc_start_main");
  real_main = main;
  return real(main_with_faults, argc, argv, init, fini, rtld_fini, stack_end);
}

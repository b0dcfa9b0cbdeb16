#include "lib/base/thread_storage.h"

#include <link.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

namespace pie {
namespace {

struct TlsIndex {
  std::size_t module, offset;
};

// A library's part that the calling thread has not yet.
struct Missing {
  std::size_t module, bytes;
};

int add_missing(dl_phdr_info* library, std::size_t, void* list) {
  if (library->dlpi_tls_modid == 0 || library->dlpi_tls_data != nullptr) return 0;
  for (std::size_t i = 0; i < library->dlpi_phnum; ++i) {
    const auto& header = library->dlpi_phdr[i];
    if (header.p_type != PT_TLS) continue;
    static_cast<std::vector<Missing>*>(list)->push_back(
        {library->dlpi_tls_modid, header.p_memsz + header.p_align});
  }
  return 0;
}

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

}  // namespace

// Where the calling thread's part is; allocated if it is not there yet.
extern "C" void* thread_part(TlsIndex* index) __asm__("__tls_get_addr");

void take_thread_storage() {
  constexpr std::size_t kList = 4096;  // glibc's own, of a thread's parts
  std::vector<Missing> missing;
  dl_iterate_phdr(add_missing, &missing);
  if (missing.empty()) return;
  {
    std::vector<std::unique_ptr<void, Free>> room;
    room.emplace_back(std::malloc(kList));
    for (const auto& part : missing) room.emplace_back(std::malloc(part.bytes));
    for (const auto& memory : room) {
      if (!memory) throw std::bad_alloc();
    }
  }
  for (const auto& part : missing) {
    TlsIndex index{part.module, 0};
    thread_part(&index);
  }
}

}  // namespace pie

// Memory that is not there becomes std::bad_alloc, and so a message and an exit code: mimalloc's
// own operators end the process. All libraries of a tool find these first.
#include "tools/common/allocation.h"

#include <atomic>

namespace {

std::atomic<bool> ended{false}, limited{false};

}  // namespace

namespace pie {

bool memory_has_ended() noexcept { return ended; }
bool memory_is_limited() noexcept { return limited; }
void note_limited_memory() noexcept { limited = true; }

}  // namespace pie

#ifdef PIE_MIMALLOC
#include <mimalloc.h>

#include <cstddef>
#include <new>

namespace {

void* or_throw(void* memory) {
  if (memory != nullptr) return memory;
  ended = true;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return or_throw(mi_malloc(size)); }
void* operator new[](std::size_t size) { return or_throw(mi_malloc(size)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return or_throw(mi_malloc_aligned(size, static_cast<std::size_t>(alignment)));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return or_throw(mi_malloc_aligned(size, static_cast<std::size_t>(alignment)));
}
void operator delete(void* memory) noexcept { mi_free(memory); }
void operator delete[](void* memory) noexcept { mi_free(memory); }
void operator delete(void* memory, std::size_t) noexcept { mi_free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { mi_free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { mi_free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { mi_free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { mi_free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { mi_free(memory); }
#endif

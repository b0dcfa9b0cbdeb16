#include "tests/container/allocation_watch.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> largest{0};
}  // namespace

// In a file of their own, so that they are not inlined where the compiler would compare them with
// the standard ones.
void* operator new(std::size_t size) {
  if (size > largest) largest = size;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace pie::test {

std::size_t largest_allocation() { return largest; }
void reset_largest_allocation() { largest = 0; }

}  // namespace pie::test

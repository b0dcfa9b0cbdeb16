// A thread has what libraries keep for it once it has asked for that, or is told that there is no
// memory.
#include "lib/base/thread_storage.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <link.h>

#include <new>
#include <thread>

namespace pie {
namespace {

// Of how many libraries the calling thread has no part yet.
int missing_parts() {
  int count = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* library, std::size_t, void* number) {
        if (library->dlpi_tls_modid != 0 && library->dlpi_tls_data == nullptr) {
          ++*static_cast<int*>(number);
        }
        return 0;
      },
      &count);
  return count;
}

class ThreadStorage : public testing::Test {
 protected:
  void load(const char* path) {
    library_ = dlopen(path, RTLD_NOW);
    ASSERT_NE(library_, nullptr) << dlerror();
  }
  void TearDown() override {
    if (library_ != nullptr) dlclose(library_);
  }

 private:
  void* library_ = nullptr;
};

TEST_F(ThreadStorage, IsWholeInThisThreadAndInOthers) {
  load(PIE_SMALL_MODULE);
  EXPECT_GT(missing_parts(), 0);
  take_thread_storage();
  EXPECT_EQ(missing_parts(), 0);
  std::thread([] {
    EXPECT_GT(missing_parts(), 0);
    take_thread_storage();
    EXPECT_EQ(missing_parts(), 0);
  }).join();
}

#ifdef PIE_LARGE_MODULE
// More than there are addresses. glibc's way with it: "cannot allocate memory for thread-local
// data: ABORT".
TEST_F(ThreadStorage, WithoutMemoryIsBadAlloc) {
  load(PIE_LARGE_MODULE);
  EXPECT_THROW(take_thread_storage(), std::bad_alloc);
}
#endif

}  // namespace
}  // namespace pie

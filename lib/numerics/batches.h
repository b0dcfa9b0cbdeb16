// Work that is done side by side, several batches at a time.
#pragma once

#include <cstddef>
#include <functional>

#include "lib/base/progress_callback.h"

namespace pie {

// While it lives, in a loop whose rounds run side by side, OpenMP names one thread to this one. For
// oneDNN, which plans for as many as are named, gets one, and in gradients of bfloat16 waits for
// the others for ever; OpenBLAS must not see it, which takes the number for that of the process.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_ = 0;
};

// Calls body(i) for 0 ... count-1, side by side, each on one thread, in any order. Rethrows what it
// throws.
void for_each_on_one_thread(std::size_t count, const std::function<void(std::size_t)>& body);

// Calls body(begin, end) for consecutive ranges of `size` of the indices 0 ... count-1 (the last
// may be shorter). Ranges run side by side, each on one thread, in any order: a network's many
// small operations are not worth splitting among threads. `body` writes its results where no other
// call does, and has no gradients. Rethrows what it throws.
void for_each_batch(std::size_t count, std::size_t size,
                    const std::function<void(std::size_t begin, std::size_t end)>& body,
                    const ProgressCallback& progress = {});

}  // namespace pie

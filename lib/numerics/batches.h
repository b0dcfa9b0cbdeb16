// Work that is done side by side, several batches at a time.
#pragma once

#include <cstddef>
#include <functional>

#include "lib/base/progress_callback.h"

namespace pie {

// Calls body(i) for 0 ... count-1, side by side, each on one thread, in any order: on threads of
// their own, for in OpenMP's parallel regions oneDNN, which LibTorch convolves by, plans for more
// threads than it gets, and adds up gradients of weights wrongly, or waits for ever. Rethrows what
// it throws.
void for_each_on_one_thread(std::size_t count, const std::function<void(std::size_t)>& body);

// Calls body(begin, end) for consecutive ranges of `size` of the indices 0 ... count-1 (the last
// may be shorter). Ranges run side by side, each on one thread, in any order: a network's many
// small operations are not worth splitting among threads. `body` writes its results where no other
// call does, and has no gradients. Rethrows what it throws.
void for_each_batch(std::size_t count, std::size_t size,
                    const std::function<void(std::size_t begin, std::size_t end)>& body,
                    const ProgressCallback& progress = {});

}  // namespace pie

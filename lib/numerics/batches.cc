#include "lib/numerics/batches.h"

#include <ATen/Parallel.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#include <torch/torch.h>

#include <algorithm>
#include <mutex>

namespace pie {
namespace {

// How many threads OpenMP names to the loops of this thread, and gives it another number; 0, and
// nothing to be done, where it does not lie in a loop that runs side by side.
int exchange_named_threads(int number) {
#ifdef _OPENMP
  if (number > 0 && omp_in_parallel() != 0) {
    const int before = omp_get_max_threads();
    omp_set_num_threads(number);
    return before;
  }
#else
  static_cast<void>(number);
#endif
  return 0;
}

}  // namespace

OneThread::OneThread() {
  // The first parallel loop of a thread sets OpenMP's number once: not after ours.
  at::internal::lazy_init_num_threads();
  before_ = exchange_named_threads(1);
}

OneThread::~OneThread() { exchange_named_threads(before_); }

void for_each_on_one_thread(std::size_t count, const std::function<void(std::size_t)>& body) {
  at::parallel_for(0, static_cast<int64_t>(count), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) body(static_cast<std::size_t>(i));
  });
}

void for_each_batch(std::size_t count, std::size_t size,
                    const std::function<void(std::size_t begin, std::size_t end)>& body,
                    const ProgressCallback& progress) {
  const std::size_t batches = (count + size - 1) / size;
  std::mutex mutex;
  std::size_t done = 0;
  for_each_on_one_thread(batches, [&](std::size_t i) {
    const torch::NoGradGuard no_grad;  // of this thread
    body(i * size, std::min(count, (i + 1) * size));
    if (!progress) return;
    const std::lock_guard<std::mutex> lock(mutex);
    progress(static_cast<double>(++done) / static_cast<double>(batches));
  });
}

}  // namespace pie

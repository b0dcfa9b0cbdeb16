#include "lib/numerics/batches.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <mutex>

namespace pie {

void for_each_batch(std::size_t count, std::size_t size,
                    const std::function<void(std::size_t begin, std::size_t end)>& body,
                    const ProgressCallback& progress) {
  const std::size_t batches = (count + size - 1) / size;
  std::mutex mutex;
  std::size_t done = 0;
  at::parallel_for(0, static_cast<int64_t>(batches), 1, [&](int64_t first, int64_t last) {
    const torch::NoGradGuard no_grad;  // of this thread
    for (int64_t i = first; i < last; ++i) {
      const std::size_t begin = static_cast<std::size_t>(i) * size;
      body(begin, std::min(count, begin + size));
      if (!progress) continue;
      const std::lock_guard<std::mutex> lock(mutex);
      progress(static_cast<double>(++done) / static_cast<double>(batches));
    }
  });
}

}  // namespace pie

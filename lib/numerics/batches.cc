#include "lib/numerics/batches.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>

namespace pie {

void for_each_batch(std::size_t count, std::size_t size,
                    const std::function<void(std::size_t begin, std::size_t end)>& body) {
  const std::size_t batches = (count + size - 1) / size;
  at::parallel_for(0, static_cast<int64_t>(batches), 1, [&](int64_t first, int64_t last) {
    const torch::NoGradGuard no_grad;  // of this thread
    for (int64_t i = first; i < last; ++i) {
      const std::size_t begin = static_cast<std::size_t>(i) * size;
      body(begin, std::min(count, begin + size));
    }
  });
}

}  // namespace pie

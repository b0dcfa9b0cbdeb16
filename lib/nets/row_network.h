// A chain of matrix products over rows of pixels with ReLUs between them, as one node of the graph:
// what the networks of couplings and of autoregressive maps do.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "lib/numerics/rows.h"

namespace pie {

// in -> ReLU -> ... -> ReLU -> out with hand-written gradients, not twice differentiable. rows:
// [N*H*W, in], float32 or float64. The first and the last layer are convolutions with `kernel`,
// zero-padded: weights[0] is [kernel^2 * in, hidden], the last [hidden, kernel^2 * out], rows
// (columns) ordered tap-major as in `spread`; in between [hidden, hidden]. One bias for each
// weight, [its outputs].
torch::Tensor row_network(const torch::Tensor& rows, const RowGrid& grid, int64_t kernel,
                          bool bfloat16, const std::vector<torch::Tensor>& weights,
                          const std::vector<torch::Tensor>& biases);

}  // namespace pie

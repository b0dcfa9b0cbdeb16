// The element-wise affine map of a coupling, with its parameters from a network.
#pragma once

#include <torch/torch.h>

namespace pie {

struct AffineResult {
  torch::Tensor value;    // [M, C]
  torch::Tensor log_det;  // [N]: sum of ln s over the rows of each of N items
};

// value = s * x + b with s = exp(a tanh(h / a)), on rows of pixels. x: [M, C]; `network`: [M, 2C],
// h in the first C columns and b in the others; with a = 0, s = 1 and `network` is b [M, C].
// `items`: N, of M / N rows each.
AffineResult affine_forward(const torch::Tensor& x, const torch::Tensor& network, double a,
                            int64_t items);

// The inverse: (y - b) / s.
torch::Tensor affine_inverse(const torch::Tensor& y, const torch::Tensor& network, double a);

}  // namespace pie

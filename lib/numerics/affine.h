// The element-wise affine map of a coupling, with its parameters from a network.
#pragma once

#include <torch/torch.h>

namespace pie {

struct AffineResult {
  torch::Tensor value;    // like x
  torch::Tensor log_det;  // [N], nats
};

// value = s * x + b with s = exp(a tanh(h / a)). x: [N, C, H, W]; `network`: [N, 2C, H, W], h in the
// first C channels and b in the others; with a = 0, s = 1 and `network` is b [N, C, H, W].
AffineResult affine_forward(const torch::Tensor& x, const torch::Tensor& network, double a);

// The inverse: (y - b) / s.
torch::Tensor affine_inverse(const torch::Tensor& y, const torch::Tensor& network, double a);

}  // namespace pie

// How far apart two sets of points are.
#pragma once

#include <torch/torch.h>

namespace pie {

// The unbiased estimate of the squared maximum mean discrepancy of the distributions that the rows
// of `a` and of `b` [N, d] are drawn from, N >= 2, under the sum of inverse multiquadratic kernels
// C / (C + |u - v|^2), C = 2 d s for s = 0.1, 0.2, 0.5, 1, 2, 5, 10, as in WAE (Tolstikhin et al.
// 2018). A scalar, which may be negative; differentiable.
torch::Tensor squared_mmd(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace pie

// Mixtures of normals, and the map that turns numbers of one into standard normals.
#pragma once

#include <torch/torch.h>

namespace pie {

// K components each of the numbers [N, D] of a batch; all [N, K, D].
struct NormalMixture {
  torch::Tensor log_weights;  // normalised over K
  torch::Tensor means;
  torch::Tensor log_deviations;
};

struct Gaussianized {
  torch::Tensor value;      // [N, D]
  torch::Tensor log_slope;  // [N, D]: ln d value / d x
};

// y = Phi^-1(F(x)) with F the mixture's distribution function: standard normal where x is of the
// mixture. Right in both tails, where F is 0 or 1 to rounding. x: [N, D]; differentiable.
Gaussianized to_normal(const torch::Tensor& x, const NormalMixture& mixture);

// Its inverse, by Newton's method within a bracket. y: [N, D]; differentiable.
torch::Tensor from_normal(const torch::Tensor& y, const NormalMixture& mixture);

}  // namespace pie

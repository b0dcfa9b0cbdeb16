// Anderson acceleration of fixed-point iterations.
#pragma once

#include <torch/torch.h>

namespace pie {

// The iteration x <- G(x) of one vector, sped up by combining its last few steps: the next point is
// that affine combination of the last images for which the same combination of the residuals
// G(x) - x is shortest (Anderson 1965; Walker & Ni 2011, type II). For an affine G in d dimensions
// and a depth of at least d it ends after d + 1 steps.
//
// Acceleration has no proof of convergence. So the first step that shortens the residual by less
// than the plain iteration is sure to, to `rate` times its length, is the last accelerated one.
class AndersonIteration {
 public:
  // depth 0: the plain iteration; rate: of G, a contraction's Lipschitz constant.
  AndersonIteration(int64_t depth, double rate) : depth_(depth), rate_(rate) {}

  // The next point after `x` with `image` = G(x); both [d]. `residual`: |G(x) - x|.
  torch::Tensor next(const torch::Tensor& x, const torch::Tensor& image, double residual);

 private:
  int64_t depth_;
  double rate_;
  int64_t steps_ = 0;  // done
  double last_residual_ = 0;
  torch::Tensor step_, image_;  // the last G(x) - x and G(x), [d]
  // How both changed from step to step, [depth, d], the oldest overwritten by the newest; and the
  // products of the former with each other, [depth, depth] float64.
  torch::Tensor changes_of_step_, changes_of_image_, gram_;
};

}  // namespace pie

// What the codec and sampling need of a model with real-valued latents.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <vector>

#include "lib/model/model.h"

namespace pie {

struct Latents {
  torch::Tensor z;               // [N, d, 1, 1], or [N, C, H, W] where z are feature maps
  std::vector<torch::Tensor> r;  // r_1 first, each [N, C_l, H_l, W_l]
};

// A model with z ~ N(0, I) and residuals r_l ~ N(g_l(z_l), eps0^2 I). From z and all residuals an
// image comes back but for rounding; what is missing is filled in with its mean.
class LatentModel : public Model {
 public:
  // x: [N, C, H, W], pixels in [0, 1].
  virtual Latents latents(const torch::Tensor& x) = 0;

  // Chooses r_l while decoding: `residual(l, mean)` gets l (0 = r_1) and g_l(z_l), returns r_l.
  using ResidualChoice = std::function<torch::Tensor(size_t l, const torch::Tensor& mean)>;
  // From z [N, ...] to x [N, C, H, W]; residuals are chosen coarse to fine, r_L first, each with
  // everything coarser already in place. Returns pixels, possibly outside [0, 1].
  virtual torch::Tensor decode(const torch::Tensor& z, const ResidualChoice& residual) = 0;
  // The pseudo-inverse (PIE Eq. 4): every r_l = g_l(z_l).
  torch::Tensor decode(const torch::Tensor& z) {
    return decode(z, [](size_t, const torch::Tensor& mean) { return mean; });
  }

  virtual double eps0() const = 0;
  virtual Shape latent_shape() const = 0;
  // Shapes of r_1, ..., r_L.
  virtual const std::vector<Shape>& residual_shapes() const = 0;

  size_t residuals() const override { return residual_shapes().size(); }
  torch::Tensor reconstruct(const torch::Tensor& x) override { return decode(latents(x).z); }
};

}  // namespace pie

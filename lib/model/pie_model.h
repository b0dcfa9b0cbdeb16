// The Pseudo-Invertible Encoder (PIE): a flow that reduces dimensions.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/flow/bijection.h"
#include "lib/flow/sequence.h"
#include "lib/flow/split.h"
#include "lib/model/pie_config.h"

namespace pie {

// The terms of ln p(x) (PIE Eq. 17), each [N] nats; they sum to `total()`.
struct LogLikelihood {
  torch::Tensor z;               // ln N(z; 0, I)
  std::vector<torch::Tensor> r;  // ln N(r_l | g_l(z_l), eps0^2 I), r_1 first
  torch::Tensor log_det;         // of all blocks
  torch::Tensor pre_transform;   // log-det of the pre-transform
  torch::Tensor total() const;
};

// What the data -> latent direction of the flow gives.
struct PieLatents {
  torch::Tensor z;               // [N, d, 1, 1], or [N, C, H, W] without linear blocks
  std::vector<torch::Tensor> r;  // r_1 first, each [N, C_l, H_l, W_l]
};

class PieModel final : public torch::nn::Module {
 public:
  // Throws UsageError or ShapeError where the configuration's sizes do not fit.
  explicit PieModel(const PieConfig& config);

  // x: [N, C, H, W], pixels in [0, 1].
  LogLikelihood log_likelihood(const torch::Tensor& x);
  PieLatents latents(const torch::Tensor& x);

  // Chooses r_l while decoding: `residual(l, mean)` gets l (0 = r_1) and g_l(z_l), returns r_l.
  using ResidualChoice = std::function<torch::Tensor(size_t l, const torch::Tensor& mean)>;
  // The inverse flow from z [N, ...] to x [N, C, H, W]; residuals are chosen coarse to fine, r_L
  // first, each with everything coarser already in place. Returns pixels, possibly outside [0, 1].
  torch::Tensor decode(const torch::Tensor& z, const ResidualChoice& residual);
  // The pseudo-inverse (Eq. 4): every r_l = g_l(z_l).
  torch::Tensor decode(const torch::Tensor& z);

  // Initialises every actnorm so that its outputs on `x` [N, C, H, W] have mean 0 and variance 1.
  void initialize(const torch::Tensor& x);
  // The name of the first layer whose output on `x` is not finite, or "the densities" if all are.
  std::string first_not_finite(const torch::Tensor& x);
  // Chooses the number type inside the subnetworks; everything else stays as it is.
  void set_bfloat16_subnets(bool on);

  const PieConfig& config() const { return config_; }
  Shape3 latent_shape() const { return latent_shape_; }
  // Shapes of r_1, ..., r_L.
  const std::vector<Shape3>& residual_shapes() const { return residual_shapes_; }

 private:
  struct Block {
    std::shared_ptr<Sequence> flow;
    std::shared_ptr<Split> split;  // null in a block that does not reduce
  };

  PieConfig config_;
  Shape3 latent_shape_{};
  std::vector<Shape3> residual_shapes_;
  std::shared_ptr<Bijection> pre_transform_;
  std::vector<Block> blocks_;
};

}  // namespace pie

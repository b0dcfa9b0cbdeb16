// A trained flow: blocks of bijections, each followed by a split where dimensions leave.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/flow/bijection.h"
#include "lib/flow/residual_block.h"
#include "lib/flow/sequence.h"
#include "lib/flow/split.h"
#include "lib/model/model.h"
#include "lib/nets/pooled_head.h"

namespace pie {

// What the data -> latent direction of the flow gives.
struct Latents {
  torch::Tensor z;               // [N, d, 1, 1], or [N, C, H, W] without linear blocks
  std::vector<torch::Tensor> r;  // r_1 first, each [N, C_l, H_l, W_l]
};

struct FlowBlock {
  std::shared_ptr<Sequence> flow;
  std::shared_ptr<Split> split;  // null in a block that does not reduce
};

// What a FlowModel is put together from; see architecture.h.
struct FlowParts {
  Shape3 input{};
  std::shared_ptr<Bijection> pre_transform;
  int64_t pad_channels = 0;  // of zeros, behind the pre-transform: injective, without a density
  std::vector<FlowBlock> blocks;
  double eps0 = 1;                   // the standard deviation of the residuals
  std::shared_ptr<PooledHead> head;  // of a classifier, else null
};

// A real-valued PIE is one; so is an i-ResNet, with residual blocks instead of couplings.
class FlowModel final : public Model {
 public:
  explicit FlowModel(FlowParts parts);

  // x: [N, C, H, W], pixels in [0, 1]. Log-dets without a closed form are computed as `how` says.
  LogLikelihood log_likelihood(const torch::Tensor& x, const LogDetEstimator& how = {}) override;
  // Class scores [N, classes]. Throws UsageError without a head.
  torch::Tensor logits(const torch::Tensor& x) override;
  Latents latents(const torch::Tensor& x);

  // Chooses r_l while decoding: `residual(l, mean)` gets l (0 = r_1) and g_l(z_l), returns r_l.
  using ResidualChoice = std::function<torch::Tensor(size_t l, const torch::Tensor& mean)>;
  // The inverse flow from z [N, ...] to x [N, C, H, W]; residuals are chosen coarse to fine, r_L
  // first, each with everything coarser already in place. Returns pixels, possibly outside [0, 1].
  torch::Tensor decode(const torch::Tensor& z, const ResidualChoice& residual);
  // The pseudo-inverse (Eq. 4): every r_l = g_l(z_l).
  torch::Tensor decode(const torch::Tensor& z);
  // The same with residual blocks inverted as `options` say; adds one report per block, the last
  // block's first, to `reports` if that is not null. Without gradients.
  torch::Tensor decode(const torch::Tensor& z, const ResidualChoice& residual,
                       const FixedPointOptions& options, std::vector<FixedPointReport>* reports);

  // Puts fresh weights into their bounds, and initialises every actnorm so that its outputs on `x`
  // [N, C, H, W] have mean 0 and variance 1.
  void initialize(const torch::Tensor& x) override;
  // The name of the first layer whose output on `x` is not finite, or "the densities" if all are.
  std::string first_not_finite(const torch::Tensor& x) override;
  // Chooses the number type inside the subnetworks; everything else stays as it is.
  void set_bfloat16_subnets(bool on) override;

  // While training: whether `log_likelihood` keeps activations or recomputes them from outputs.
  void set_recompute(bool on) override { recompute_ = on; }

  // The residual blocks in order, data first; none in a PIE.
  const std::vector<std::shared_ptr<ResidualBlock>>& residual_blocks() const override {
    return residual_blocks_;
  }
  // See ContractiveMap: of all residual blocks. `certify` returns the largest excess.
  double certify() override;
  void constrain(bool exact) override;
  void project_gradients() override;

  Shape3 input_shape() const override { return parts_.input; }
  size_t residuals() const override { return residual_shapes_.size(); }
  torch::Tensor reconstruct(const torch::Tensor& x) override { return decode(latents(x).z); }
  double eps0() const { return parts_.eps0; }
  Shape3 latent_shape() const { return latent_shape_; }
  // Shapes of r_1, ..., r_L.
  const std::vector<Shape3>& residual_shapes() const { return residual_shapes_; }
  int64_t classes() const override { return parts_.head ? parts_.head->classes() : 0; }
  // False for a classifier of zero-padded images, and where a residual block is not sure to be a
  // contraction: it need not be invertible, nor the series of its log-det converge.
  bool has_density() const override;

 private:
  torch::Tensor pad(const torch::Tensor& x) const;
  torch::Tensor decode_blocks(
      const torch::Tensor& z, const ResidualChoice& residual,
      const std::function<torch::Tensor(Bijection& step, const torch::Tensor& value)>& invert);

  FlowParts parts_;
  bool recompute_ = false;
  Shape3 latent_shape_{};
  std::vector<Shape3> residual_shapes_;
  std::vector<std::shared_ptr<ResidualBlock>> residual_blocks_;
};

}  // namespace pie

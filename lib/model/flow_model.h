// A trained flow: blocks of bijections, each followed by a split where dimensions leave.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/flow/bijection.h"
#include "lib/flow/residual_block.h"
#include "lib/flow/sequence.h"
#include "lib/flow/split.h"
#include "lib/model/latent_model.h"
#include "lib/nets/pooled_head.h"

namespace pie {

struct FlowBlock {
  std::shared_ptr<Sequence> flow;
  std::shared_ptr<Split> split;  // null in a block that does not reduce
};

// What a FlowModel is put together from; see architecture.h.
struct FlowParts {
  Shape input{};
  std::shared_ptr<Bijection> pre_transform;
  int64_t pad_channels = 0;  // of zeros, behind the pre-transform: injective, without a density
  std::vector<FlowBlock> blocks;
  double eps0 = 1;                   // the standard deviation of the residuals
  std::shared_ptr<PooledHead> head;  // of a classifier, else null
};

// A real-valued PIE is one; so is an i-ResNet, with residual blocks instead of couplings.
class FlowModel final : public LatentModel {
 public:
  explicit FlowModel(FlowParts parts);

  // x: [N, C, H, W], pixels in [0, 1]. Log-dets without a closed form are computed as `how` says.
  LogLikelihood log_likelihood(const torch::Tensor& x, const LogDetEstimator& how = {}) override;
  // Class scores [N, classes]. Throws UsageError without a head.
  torch::Tensor logits(const torch::Tensor& x) override;
  torch::Tensor features(const torch::Tensor& x) override;
  Latents latents(const torch::Tensor& x) override;
  torch::Tensor decode(const torch::Tensor& z, const ResidualChoice& residual) override;
  using LatentModel::decode;
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
  // Throws UsageError where an inverse is not made for that.
  void set_recompute(bool on) override;

  torch::Tensor invert(const torch::Tensor& x, const FixedPointOptions& options,
                       std::vector<FixedPointReport>* reports) override;
  // The residual blocks in order, data first; none in a PIE.
  const std::vector<std::shared_ptr<ResidualBlock>>& residual_blocks() const override {
    return residual_blocks_;
  }
  // See ContractiveMap: of all residual blocks. `certify` returns the largest excess.
  double certify() override;
  void constrain(bool exact) override;
  void project_gradients() override;

  Shape input_shape() const override { return parts_.input; }
  double eps0() const override { return parts_.eps0; }
  Shape latent_shape() const override { return latent_shape_; }
  const std::vector<Shape>& residual_shapes() const override { return residual_shapes_; }
  int64_t classes() const override { return parts_.head ? parts_.head->classes() : 0; }
  // None for a classifier of zero-padded images, and where a residual block is not sure to be a
  // contraction: it need not be invertible, nor the series of its log-det converge.
  Likelihood likelihood() const override;
  bool estimates_log_det() const override;

 private:
  torch::Tensor pad(const torch::Tensor& x) const;
  torch::Tensor decode_blocks(
      const torch::Tensor& z, const ResidualChoice& residual,
      const std::function<torch::Tensor(Bijection& step, const torch::Tensor& value)>& invert);

  FlowParts parts_;
  bool recompute_ = false;
  Shape latent_shape_{};
  std::vector<Shape> residual_shapes_;
  std::vector<std::shared_ptr<ResidualBlock>> residual_blocks_;
};

}  // namespace pie

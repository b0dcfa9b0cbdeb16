// Per-channel scale and shift, initialised from data (Glow, Kingma & Dhariwal 2018).
#pragma once

#include "lib/flow/bijection.h"

namespace pie {

// y = exp(log_scale) * x + shift per channel; log-det H*W * sum(log_scale). `initialize` sets both
// so that the channels of `x` come out with mean 0 and variance 1, or less where a channel varies
// less than a tenth as much as the average; until then it is the identity.
class ActNorm final : public Bijection {
 public:
  explicit ActNorm(Shape3 in);
  void initialize(const torch::Tensor& x);  // x: [N, C, H, W]; the state is saved with the model

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  torch::Tensor do_latent(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;

  torch::Tensor log_scale_, shift_;  // [C]
};

}  // namespace pie

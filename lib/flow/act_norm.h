// Per-channel scale and shift, initialised from data (Glow, Kingma & Dhariwal 2018).
#pragma once

#include "lib/flow/bijection.h"

namespace pie {

// y = exp(log_scale) * x + shift per channel; log-det H*W * sum(log_scale). `initialize` sets both
// so that the channels of `x` come out with mean 0 and variance 1; until then it is the identity.
class ActNorm final : public Bijection {
 public:
  // Channels that vary less than `least` times the average are initialised as if they varied so
  // much: a pixel of the margin that is constant in one batch need not be in the next, and training
  // finds a larger scale sooner than it comes back from one that is too large.
  explicit ActNorm(Shape in, double least = 0);
  void initialize(const torch::Tensor& x);  // x: [N, C, H, W]; the state is saved with the model

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  torch::Tensor do_latent(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;

  double least_;
  torch::Tensor log_scale_, shift_;  // [C]
};

}  // namespace pie

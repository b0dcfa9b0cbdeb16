#include "lib/flow/act_norm.h"

namespace pie {

ActNorm::ActNorm(Shape3 in) : Bijection(in) {
  log_scale_ = register_parameter("log_scale", torch::zeros({1, in.channels, 1, 1}));
  shift_ = register_parameter("shift", torch::zeros({1, in.channels, 1, 1}));
}

void ActNorm::initialize(const torch::Tensor& x) {
  torch::NoGradGuard no_grad;
  // The floor keeps a channel that is constant in the data from being blown up without bound.
  constexpr double kFloor = 1e-3;
  const auto mean = x.mean({0, 2, 3}, true);
  const auto deviation = (x - mean).square().mean({0, 2, 3}, true).sqrt() + kFloor;
  log_scale_.copy_(-deviation.log());
  shift_.copy_(-mean / deviation);
}

Mapped ActNorm::do_forward(const torch::Tensor& x) {
  const auto log_det = log_scale_.sum() * static_cast<double>(x.size(2) * x.size(3));
  return {do_latent(x), log_det.expand({x.size(0)})};
}

torch::Tensor ActNorm::do_latent(const torch::Tensor& x) {
  return torch::addcmul(shift_, x, log_scale_.exp());
}

torch::Tensor ActNorm::do_inverse(const torch::Tensor& z) {
  return (z - shift_) * (-log_scale_).exp();
}

}  // namespace pie

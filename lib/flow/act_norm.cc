#include "lib/flow/act_norm.h"

#include "lib/numerics/rows.h"

namespace pie {

ActNorm::ActNorm(Shape in, double least) : Bijection(in), least_(least) {
  log_scale_ = register_parameter("log_scale", torch::zeros({in.channels}));
  shift_ = register_parameter("shift", torch::zeros({in.channels}));
}

void ActNorm::initialize(const torch::Tensor& x) {
  torch::NoGradGuard no_grad;
  // The floor keeps a channel that is constant in the data from being blown up without bound.
  constexpr double kFloor = 1e-3;
  const auto rows = to_rows(x);
  const auto mean = rows.mean(0);
  const auto variance = (rows - mean).square().mean(0);
  const auto deviation = variance.sqrt().maximum(least_ * variance.mean().sqrt()) + kFloor;
  log_scale_.copy_(-deviation.log());
  shift_.copy_(-mean / deviation);
}

Mapped ActNorm::do_forward(const torch::Tensor& x) {
  const auto log_det = log_scale_.sum() * static_cast<double>(x.size(2) * x.size(3));
  return {do_latent(x), log_det.expand({x.size(0)})};
}

torch::Tensor ActNorm::do_latent(const torch::Tensor& x) {
  return from_rows(scale_shift(to_rows(x), log_scale_.exp(), shift_),
                   {x.size(0), x.size(2), x.size(3)});
}

torch::Tensor ActNorm::do_inverse(const torch::Tensor& z) {
  const auto inverse_scale = (-log_scale_).exp();
  return from_rows(scale_shift(to_rows(z), inverse_scale, -shift_ * inverse_scale),
                   {z.size(0), z.size(2), z.size(3)});
}

}  // namespace pie

#include "lib/flow/pre_transform.h"

#include <cmath>

#include "lib/base/error.h"

namespace pie {

AffinePreTransform::AffinePreTransform(Shape in, double scale) : Bijection(in), scale_(scale) {
  if (!(scale > 0)) throw UsageError("pre_transform.scale must be positive");
}

Mapped AffinePreTransform::do_forward(const torch::Tensor& x) {
  const double log_det = static_cast<double>(input_shape().elements()) * std::log(scale_);
  return {(x - 0.5) * scale_, torch::full({x.size(0)}, log_det, x.options())};
}

torch::Tensor AffinePreTransform::do_inverse(const torch::Tensor& z) { return z / scale_ + 0.5; }

LogitPreTransform::LogitPreTransform(Shape in, double alpha) : Bijection(in), alpha_(alpha) {
  if (!(alpha > 0 && alpha < 0.5)) throw UsageError("pre_transform.alpha must lie in (0, 1/2)");
}

Mapped LogitPreTransform::do_forward(const torch::Tensor& x) {
  const auto p = alpha_ + (1 - 2 * alpha_) * x;
  const auto log_p = p.log();
  const auto log_q = (1 - p).log();
  const auto log_det = (std::log(1 - 2 * alpha_) - log_p - log_q).sum({1, 2, 3});
  return {log_p - log_q, log_det};
}

torch::Tensor LogitPreTransform::do_inverse(const torch::Tensor& z) {
  return (torch::sigmoid(z) - alpha_) / (1 - 2 * alpha_);
}

}  // namespace pie

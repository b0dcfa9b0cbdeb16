// From pixel values in [0, 1] to the flow's own range.
#pragma once

#include "lib/flow/bijection.h"

namespace pie {

// y = scale * (x - 1/2) per pixel: centres [0, 1]; log-det D ln(scale).
class AffinePreTransform final : public Bijection {
 public:
  AffinePreTransform(Shape in, double scale);  // throws UsageError unless scale > 0

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;

  double scale_;
};

// y = logit(alpha + (1 - 2 alpha) x) (RealNVP, Dinh et al. 2016). Throws UsageError unless
// 0 < alpha < 1/2.
class LogitPreTransform final : public Bijection {
 public:
  LogitPreTransform(Shape in, double alpha);

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;

  double alpha_;
};

}  // namespace pie

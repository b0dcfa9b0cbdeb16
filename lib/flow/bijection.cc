#include "lib/flow/bijection.h"

#include <sstream>

#include "lib/base/error.h"

namespace pie {

std::string to_string(Shape3 s) {
  return std::to_string(s.channels) + "x" + std::to_string(s.height) + "x" +
         std::to_string(s.width);
}

void check_samples(const torch::Tensor& x, Shape3 expected, const std::string& who) {
  if (x.dim() == 4 && x.size(1) == expected.channels && x.size(2) == expected.height &&
      x.size(3) == expected.width) {
    return;
  }
  std::ostringstream got;
  got << x.sizes();
  throw ShapeError(who + ": expected a batch of " + to_string(expected) + " samples, got " +
                   got.str());
}

Mapped Bijection::forward(const torch::Tensor& x) {
  check_samples(x, in_, name() + ": x");
  return do_forward(x);
}

Mapped Bijection::forward(const torch::Tensor& x, const LogDetEstimator& how) {
  check_samples(x, in_, name() + ": x");
  return do_estimate(x, how);
}

torch::Tensor Bijection::latent(const torch::Tensor& x) {
  check_samples(x, in_, name() + ": x");
  return do_latent(x);
}

torch::Tensor Bijection::inverse(const torch::Tensor& z) {
  check_samples(z, output_shape(), name() + ": z");
  return do_inverse(z);
}

}  // namespace pie

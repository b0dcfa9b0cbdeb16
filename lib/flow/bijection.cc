#include "lib/flow/bijection.h"

#include <c10/util/Type.h>

#include <sstream>

#include "lib/base/error.h"

namespace pie {
namespace {

bool holds_samples(const torch::Tensor& x, Shape shape) {
  return x.dim() == 4 && x.size(1) == shape.channels && x.size(2) == shape.height &&
         x.size(3) == shape.width;
}

// The layer's own name() would do, were it not made at its first call: several threads may call.
void check_argument(const Bijection& layer, const torch::Tensor& x, Shape expected,
                    const char* argument) {
  if (holds_samples(x, expected)) return;
  check_samples(x, expected, c10::demangle(typeid(layer).name()) + ": " + argument);
}

}  // namespace

void check_samples(const torch::Tensor& x, Shape expected, const std::string& who) {
  if (holds_samples(x, expected)) return;
  std::ostringstream got;
  got << x.sizes();
  throw ShapeError(who + ": expected a batch of " + to_string(expected) + " samples, got " +
                   got.str());
}

Mapped Bijection::forward(const torch::Tensor& x) {
  check_argument(*this, x, in_, "x");
  return do_forward(x);
}

Mapped Bijection::forward(const torch::Tensor& x, const LogDetEstimator& how) {
  check_argument(*this, x, in_, "x");
  return do_estimate(x, how);
}

torch::Tensor Bijection::latent(const torch::Tensor& x) {
  check_argument(*this, x, in_, "x");
  return do_latent(x);
}

torch::Tensor Bijection::inverse(const torch::Tensor& z) {
  check_argument(*this, z, output_shape(), "z");
  return do_inverse(z);
}

}  // namespace pie

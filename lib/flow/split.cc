#include "lib/flow/split.h"

#include "lib/base/error.h"
#include "lib/numerics/gaussian.h"

namespace pie {

Split::Split(Shape in, int64_t keep, double eps0, const SubnetFactory& make_subnet)
    : in_(in), keep_(keep), eps0_(eps0) {
  if (keep < 1 || keep >= in.channels) {
    throw ShapeError("a split of " + to_string(in) + " cannot keep " + std::to_string(keep) +
                     " channels");
  }
  if (!(eps0 > 0)) throw UsageError("eps0_squared must be positive");
  if (make_subnet) g_ = register_module("g", make_subnet(keep, in.channels - keep));
}

Split::Parts Split::split(const torch::Tensor& x) const {
  check_samples(x, in_, "split: x");
  return {x.narrow(1, 0, keep_), x.narrow(1, keep_, in_.channels - keep_)};
}

torch::Tensor Split::mean(const torch::Tensor& z) {
  check_samples(z, kept_shape(), "split: z");
  if (g_) return g_->forward(z);
  const auto r = residual_shape();
  return z.new_zeros({z.size(0), r.channels, r.height, r.width});
}

torch::Tensor Split::log_prob(const Parts& parts) {
  return normal_log_prob(parts.r - mean(parts.z), eps0_);
}

torch::Tensor Split::merge(const torch::Tensor& z, const torch::Tensor& r) const {
  check_samples(z, kept_shape(), "split: z");
  check_samples(r, residual_shape(), "split: r");
  return torch::cat({z, r}, 1);
}

}  // namespace pie

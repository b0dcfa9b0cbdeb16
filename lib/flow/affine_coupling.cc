#include "lib/flow/affine_coupling.h"

#include "lib/base/error.h"
#include "lib/numerics/affine.h"

namespace pie {

AffineCoupling::AffineCoupling(Shape3 in, double scale_clamp, const SubnetFactory& make_subnet)
    : Bijection(in),
      first_((in.channels + 1) / 2),
      second_(in.channels / 2),
      scale_clamp_(scale_clamp) {
  if (second_ == 0) {
    throw ShapeError("a coupling needs at least 2 channels to split, got " + to_string(in));
  }
  const int64_t outputs = scale_clamp_ > 0 ? 2 : 1;  // h and b, or b alone
  subnet1_ = register_module("subnet1", make_subnet(second_, outputs * first_));
  subnet2_ = register_module("subnet2", make_subnet(first_, outputs * second_));
}

Mapped AffineCoupling::do_forward(const torch::Tensor& x) {
  const auto x1 = x.narrow(1, 0, first_);
  const auto x2 = x.narrow(1, first_, second_);
  const auto y1 = affine_forward(x1, subnet1_->forward(x2), scale_clamp_);
  const auto y2 = affine_forward(x2, subnet2_->forward(y1.value), scale_clamp_);
  return {torch::cat({y1.value, y2.value}, 1), y1.log_det + y2.log_det};
}

torch::Tensor AffineCoupling::do_inverse(const torch::Tensor& z) {
  const auto y1 = z.narrow(1, 0, first_);
  const auto y2 = z.narrow(1, first_, second_);
  const auto x2 = affine_inverse(y2, subnet2_->forward(y1), scale_clamp_);
  const auto x1 = affine_inverse(y1, subnet1_->forward(x2), scale_clamp_);
  return torch::cat({x1, x2}, 1);
}

}  // namespace pie

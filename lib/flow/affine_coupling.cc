#include "lib/flow/affine_coupling.h"

#include "lib/base/error.h"
#include "lib/numerics/affine.h"

namespace pie {

AffineCoupling::AffineCoupling(Shape in, double scale_clamp, const SubnetFactory& make_subnet)
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
  const RowGrid grid{x.size(0), x.size(2), x.size(3)};
  const auto [x1, x2] = split_columns(to_rows(x), first_);
  const auto y1 = affine_forward(x1, subnet1_->forward_rows(x2, grid), scale_clamp_, grid.n);
  const auto y2 = affine_forward(x2, subnet2_->forward_rows(y1.value, grid), scale_clamp_, grid.n);
  return {from_rows(join_columns(y1.value, y2.value), grid), y1.log_det + y2.log_det};
}

torch::Tensor AffineCoupling::do_inverse(const torch::Tensor& z) {
  const RowGrid grid{z.size(0), z.size(2), z.size(3)};
  const auto [y1, y2] = split_columns(to_rows(z), first_);
  const auto x2 = affine_inverse(y2, subnet2_->forward_rows(y1, grid), scale_clamp_);
  const auto x1 = affine_inverse(y1, subnet1_->forward_rows(x2, grid), scale_clamp_);
  return from_rows(join_columns(x1, x2), grid);
}

}  // namespace pie

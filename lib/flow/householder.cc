#include "lib/flow/householder.h"

#include "lib/numerics/rows.h"

namespace pie {
namespace {

// Multiplies the channels of every pixel of x [N, C, H, W] by `matrix` [C, C].
torch::Tensor mix_channels(const torch::Tensor& x, const torch::Tensor& matrix) {
  return from_rows(torch::mm(to_rows(x), matrix.t()), {x.size(0), x.size(2), x.size(3)});
}

}  // namespace

Householder::Householder(Shape3 in, int64_t reflections) : Bijection(in) {
  vectors_ = register_parameter("vectors", torch::randn({reflections, in.channels}));
}

torch::Tensor Householder::matrix() const {
  auto q = torch::eye(vectors_.size(1), vectors_.options());
  for (const auto& v : vectors_.unbind(0)) {
    q = torch::addr(q, torch::mv(q, v), v * (2.0 / v.dot(v)), 1.0, -1.0);
  }
  return q;
}

Mapped Householder::do_forward(const torch::Tensor& x) {
  return {do_latent(x), x.new_zeros({x.size(0)})};
}

torch::Tensor Householder::do_latent(const torch::Tensor& x) { return mix_channels(x, matrix()); }

torch::Tensor Householder::do_inverse(const torch::Tensor& z) {
  return mix_channels(z, matrix().t());
}

}  // namespace pie

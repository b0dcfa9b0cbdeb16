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
  // All reflections at once (compact WY form): Q = I - V^T A^-1 V with V the vectors as rows and
  // A = the part of V V^T above its diagonal, plus half the diagonal.
  const auto identity = torch::eye(vectors_.size(1), vectors_.options());
  if (vectors_.size(0) == 0) return identity;
  const auto gram = torch::mm(vectors_, vectors_.t());
  const auto a = gram.triu(1) + (gram.diagonal() * 0.5).diag();
  const auto solved = torch::linalg_solve_triangular(a, vectors_, /*upper=*/true);
  return identity - torch::mm(vectors_.t(), solved);
}

Mapped Householder::do_forward(const torch::Tensor& x) {
  return {do_latent(x), x.new_zeros({x.size(0)})};
}

torch::Tensor Householder::do_latent(const torch::Tensor& x) { return mix_channels(x, matrix()); }

torch::Tensor Householder::do_inverse(const torch::Tensor& z) {
  return mix_channels(z, matrix().t());
}

}  // namespace pie

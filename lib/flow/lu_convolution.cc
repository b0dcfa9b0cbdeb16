#include "lib/flow/lu_convolution.h"

#include <tuple>

#include "lib/numerics/rows.h"

namespace pie {
namespace {

// Q with P Q = L U; the signs of U's diagonal go to the rows of L U, so that what is left of them
// is positive: S L U = (S L S) (S U).
torch::Tensor packed_rotation(int64_t channels) {
  const auto rotation =
      std::get<0>(torch::linalg_qr(torch::randn({channels, channels}, torch::kFloat64)));
  const auto [p, l, u] = torch::linalg_lu(rotation);
  const auto signs = torch::where(u.diagonal() < 0, -1.0, 1.0).to(torch::kFloat64);
  const auto lower = l * signs.unsqueeze(1) * signs.unsqueeze(0);
  const auto upper = u * signs.unsqueeze(1);
  return (lower.tril(-1) + upper.triu(1) + upper.diagonal().log().diag()).to(torch::kFloat32);
}

}  // namespace

LuConvolution::LuConvolution(Shape in) : Bijection(in) {
  packed_ = register_parameter("packed", packed_rotation(in.channels));
}

torch::Tensor LuConvolution::lower() const {
  return packed_.tril(-1) + torch::eye(packed_.size(0), packed_.options());
}

torch::Tensor LuConvolution::upper() const {
  return packed_.triu(1) + packed_.diagonal().exp().diag();
}

torch::Tensor LuConvolution::matrix() const { return torch::mm(lower(), upper()); }

Mapped LuConvolution::do_forward(const torch::Tensor& x) {
  const auto log_det = packed_.diagonal().sum() * static_cast<double>(x.size(2) * x.size(3));
  return {do_latent(x), log_det.expand({x.size(0)})};
}

torch::Tensor LuConvolution::do_latent(const torch::Tensor& x) {
  return from_rows(torch::mm(to_rows(x), matrix().t()), {x.size(0), x.size(2), x.size(3)});
}

torch::Tensor LuConvolution::do_inverse(const torch::Tensor& z) {
  // In float64: two triangular solves in a row lose more than one product does.
  const auto rows = to_rows(z);
  const auto half = torch::linalg_solve_triangular(
      lower().to(torch::kFloat64), rows.t().to(torch::kFloat64), /*upper=*/false, /*left=*/true,
      /*unitriangular=*/true);
  const auto x = torch::linalg_solve_triangular(upper().to(torch::kFloat64), half, /*upper=*/true);
  return from_rows(x.t().to(rows.scalar_type()), {z.size(0), z.size(2), z.size(3)});
}

}  // namespace pie

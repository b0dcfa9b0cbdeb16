#include "lib/numerics/moments.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace pie {
namespace {

struct Moments {
  torch::Tensor mean, covariance;  // [d], [d, d], float64
};

Moments moments(const torch::Tensor& x) {
  const auto rows = x.to(torch::kFloat64);
  const auto mean = rows.mean(0);
  const auto centred = rows - mean;
  return {mean, torch::mm(centred.t(), centred) / static_cast<double>(x.size(0) - 1)};
}

// The square root of a symmetric matrix without negative eigenvalues but for rounding.
torch::Tensor square_root(const torch::Tensor& matrix) {
  const auto [values, vectors] = torch::linalg_eigh(matrix);
  return torch::mm(vectors * values.clamp_min(0).sqrt(), vectors.t());
}

bool all_finite(const torch::Tensor& x) { return torch::isfinite(x).all().item<bool>(); }

}  // namespace

double frechet_distance(const torch::Tensor& a, const torch::Tensor& b) {
  if (std::min(a.size(0), b.size(0)) < 2 || !all_finite(a) || !all_finite(b)) return NAN;
  const auto first = moments(a), second = moments(b);
  const auto root = square_root(first.covariance);
  // S_a S_b has the eigenvalues of this matrix, which is symmetric.
  const auto product = torch::mm(torch::mm(root, second.covariance), root);
  const auto trace = first.covariance.trace() + second.covariance.trace() -
                     2 * torch::linalg_eigvalsh(product).clamp_min(0).sqrt().sum();
  return ((first.mean - second.mean).square().sum() + trace).item<double>();
}

PrincipalAxes principal_axes(const torch::Tensor& x, int64_t count) {
  const auto [mean, covariance] = moments(x);
  const auto [values, vectors] = torch::linalg_eigh(covariance);  // smallest first
  count = std::min(count, values.size(0));
  PrincipalAxes axes{mean, vectors.slice(1, values.size(0) - count).flip(1).t().contiguous(), {}};
  const double total = covariance.trace().item<double>();
  for (int64_t k = 0; k < count; ++k) {
    axes.shares.push_back(values[values.size(0) - 1 - k].item<double>() / total);
  }
  return axes;
}

}  // namespace pie

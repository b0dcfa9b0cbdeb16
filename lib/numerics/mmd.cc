#include "lib/numerics/mmd.h"

namespace pie {
namespace {

torch::Tensor squared_distances(const torch::Tensor& a, const torch::Tensor& b) {
  const auto products = torch::mm(a, b.t());
  return a.square().sum(1, true) + b.square().sum(1).unsqueeze(0) - 2 * products;
}

torch::Tensor kernels(const torch::Tensor& a, const torch::Tensor& b) {
  const auto distances = squared_distances(a, b).clamp_min(0);
  auto sum = torch::zeros_like(distances);
  for (const double scale : {0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0}) {
    const double c = 2 * static_cast<double>(a.size(1)) * scale;
    sum = sum + c / (c + distances);
  }
  return sum;
}

}  // namespace

torch::Tensor squared_mmd(const torch::Tensor& a, const torch::Tensor& b) {
  const auto n = static_cast<double>(a.size(0));
  const auto of_pairs = [&](const torch::Tensor& k) {
    return (k.sum() - k.diagonal().sum()) / (n * (n - 1));
  };
  return of_pairs(kernels(a, a)) + of_pairs(kernels(b, b)) - 2 * kernels(a, b).mean();
}

}  // namespace pie

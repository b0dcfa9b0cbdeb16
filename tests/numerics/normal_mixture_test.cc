// The map from mixtures of normals to a normal, and back.
#include "lib/numerics/normal_mixture.h"

#include "tests/support/tensors.h"

namespace pie {
namespace {

NormalMixture mixture_of(int64_t components, double spread, uint64_t seed) {
  return {normal_tensor({4, components, 6}, seed).log_softmax(1),
          normal_tensor({4, components, 6}, seed + 1) * spread,
          normal_tensor({4, components, 6}, seed + 2)};
}

TEST(NormalMixtures, OneComponentIsAnAffineMap) {
  for (const auto dtype : {torch::kFloat64, torch::kFloat32}) {
    const double epsilon = dtype == torch::kFloat64 ? 2.3e-16 : 1.2e-7;
    for (const double scale : {1.0, 20.0, 1e4}) {  // far into both tails
      const auto exact = mixture_of(1, 3, 1);
      const NormalMixture mixture{exact.log_weights.to(dtype), exact.means.to(dtype),
                                  exact.log_deviations.to(dtype)};
      const auto x = (normal_tensor({4, 6}, 4) * scale).to(dtype).requires_grad_(true);
      const auto mapped = to_normal(x, mixture);
      const auto deviation = mixture.log_deviations.select(1, 0);
      const auto t = (x - mixture.means.select(1, 0)) * (-deviation).exp();
      // Newton's steps end where ln Phi, a number of t^2 / 2, has no more digits.
      EXPECT_LT(((mapped.value - t) / (1 + t.abs())).abs().max().item<double>(), 1e3 * epsilon);
      EXPECT_LT((mapped.log_slope + deviation).abs().max().item<double>(), 1e4 * epsilon);
      const auto slope = torch::autograd::grad({mapped.value.sum()}, {x})[0];
      EXPECT_LT((slope * deviation.exp() - 1).abs().max().item<double>(), 1e4 * epsilon);
    }
  }
}

TEST(NormalMixtures, ValueIsTheQuantileOfTheDistribution) {
  const auto mixture = mixture_of(5, 2, 5);
  const auto x = normal_tensor({4, 6}, 8);
  const auto t = (x.unsqueeze(1) - mixture.means) * (-mixture.log_deviations).exp();
  const auto cdf = (mixture.log_weights.exp() * torch::special_ndtr(t)).sum(1);
  expect_close(torch::special_ndtr(to_normal(x, mixture).value), cdf, 1e-12);
}

TEST(NormalMixtures, SlopeIsThatOfTheValue) {
  const auto mixture = mixture_of(5, 2, 9);
  const auto x = (normal_tensor({4, 6}, 12) * 4).requires_grad_(true);
  const auto mapped = to_normal(x, mixture);
  const auto slope = torch::autograd::grad({mapped.value.sum()}, {x})[0];
  expect_close(slope.log(), mapped.log_slope, 1e-8);
}

TEST(NormalMixtures, ComesBackAlsoFromTheTails) {
  for (const double scale : {0.5, 5.0, 20.0}) {
    const auto mixture = mixture_of(4, 2, 13);
    const auto y = normal_tensor({4, 6}, 16) * scale;
    const auto x = from_normal(y, mixture);
    EXPECT_TRUE(all_finite(x));
    EXPECT_LT(((to_normal(x, mixture).value - y) / (1 + y.abs())).abs().max().item<double>(),
              1e-10);
  }
}

}  // namespace
}  // namespace pie

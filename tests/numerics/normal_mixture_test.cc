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
  const auto mixture = mixture_of(1, 3, 1);
  const auto x = normal_tensor({4, 6}, 4) * 20;  // far into both tails
  const auto mapped = to_normal(x, mixture);
  const auto deviation = mixture.log_deviations.select(1, 0);
  const auto t = (x - mixture.means.select(1, 0)) * (-deviation).exp();
  EXPECT_LT(((mapped.value - t) / (1 + t.abs())).abs().max().item<double>(), 1e-10);
  EXPECT_LT(((mapped.log_slope + deviation) / (1 + t.square())).abs().max().item<double>(), 1e-10);
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

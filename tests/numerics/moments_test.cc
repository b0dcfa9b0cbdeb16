// Against closed forms of normal distributions.
#include "lib/numerics/moments.h"

#include <cmath>

#include "tests/support/tensors.h"

namespace pie {
namespace {

TEST(Moments, FrechetDistanceOfASetFromItselfMovedAndScaled) {
  const auto a = normal_tensor({50, 4}, 1);
  EXPECT_NEAR(frechet_distance(a, a), 0, 1e-10);
  const auto shift = torch::tensor({1.0, -2.0, 0.0, 0.5}, torch::kFloat64);
  EXPECT_NEAR(frechet_distance(a, a + shift), 5.25, 1e-10);
  // N(m, S) against N(3 m, 9 S): 4 |m|^2 + tr(S + 9 S - 6 S).
  const auto centred = a - a.mean(0);
  const double trace = centred.square().sum().item<double>() / 49;
  EXPECT_NEAR(frechet_distance(a, 3 * a), 4 * a.mean(0).square().sum().item<double>() + 4 * trace,
              1e-9);
  const auto b = normal_tensor({70, 4}, 2).mm(normal_tensor({4, 4}, 3));
  EXPECT_NEAR(frechet_distance(a, b), frechet_distance(b, a), 1e-9);
}

// Where covariances do not commute: in one dimension at a time the distance is (s_a - s_b)^2.
TEST(Moments, FrechetDistanceOfSingularCovariances) {
  const auto line = normal_tensor({40, 1}, 4), zero = torch::zeros({40, 1}, torch::kFloat64);
  const auto along_x = torch::cat({line, zero}, 1), along_y = torch::cat({zero, 2 * line}, 1);
  const double mean = line.mean().item<double>(), variance = line.var().item<double>();
  EXPECT_NEAR(frechet_distance(along_x, along_y), 5 * (mean * mean + variance), 1e-7);
}

TEST(Moments, AxesAreTheDirectionsOfMostVariance) {
  const auto scales = torch::tensor({0.1, 3.0, 1.0}, torch::kFloat64);
  const auto rotation = std::get<0>(torch::linalg_qr(normal_tensor({3, 3}, 6)));
  const auto x = (normal_tensor({4000, 3}, 5) * scales).mm(rotation) + 7;
  const auto axes = principal_axes(x, 2);
  ASSERT_EQ(axes.directions.sizes(), torch::IntArrayRef({2, 3}));
  expect_close(axes.directions.mm(axes.directions.t()), torch::eye(2, torch::kFloat64), 1e-12);
  EXPECT_NEAR(std::abs(axes.directions[0].dot(rotation[1]).item<double>()), 1, 1e-2);
  EXPECT_NEAR(std::abs(axes.directions[1].dot(rotation[2]).item<double>()), 1, 1e-2);
  // Shares are those of the variances along them.
  const auto projected = (x - axes.mean).mm(axes.directions.t());
  const double total = x.var(0).sum().item<double>();
  for (int64_t k = 0; k < 2; ++k) {
    EXPECT_NEAR(axes.shares[static_cast<size_t>(k)],
                projected.select(1, k).var().item<double>() / total, 1e-12);
  }
  EXPECT_EQ(principal_axes(x, 9).shares.size(), 3u);
}

}  // namespace
}  // namespace pie

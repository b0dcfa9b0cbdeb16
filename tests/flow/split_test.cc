// The split keeps every element, and scores the residuals as independent normals around g(z).
#include "lib/flow/split.h"

#include <cmath>

#include "lib/base/error.h"
#include "lib/nets/coupling_net.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

SubnetFactory network() {
  return [](int64_t in, int64_t out) {
    return std::make_shared<CouplingNet>(CouplingNetOptions{in, out, 6});
  };
}

TEST(SplitLayer, MergeUndoesSplit) {
  Split split({5, 3, 2}, 2, 0.1, network());
  const auto x = normal_tensor({3, 5, 3, 2}, 1);
  const auto parts = split.split(x);
  EXPECT_TRUE(torch::equal(parts.z, x.slice(1, 0, 2)));
  EXPECT_TRUE(torch::equal(parts.r, x.slice(1, 2)));
  EXPECT_TRUE(torch::equal(split.merge(parts.z, parts.r), x));
  EXPECT_EQ(split.kept_shape(), (Shape{2, 3, 2}));
  EXPECT_EQ(split.residual_shape(), (Shape{3, 3, 2}));
}

TEST(SplitLayer, LogProbIsTheNormalDensity) {
  constexpr double kEps0 = 0.3;
  Split split({5, 3, 2}, 2, kEps0, network());
  split.to(torch::kFloat64);
  perturb(split, 0.5, 2);
  const auto parts = split.split(normal_tensor({3, 5, 3, 2}, 3));
  const auto mean = split.mean(parts.z);
  EXPECT_GT(mean.abs().max().item<double>(), 0.01);
  const auto log_prob = split.log_prob(parts);
  for (int64_t n = 0; n < 3; ++n) {
    const auto r = parts.r[n].reshape(-1), g = mean[n].reshape(-1);
    double expected = 0;
    for (int64_t i = 0; i < r.size(0); ++i) {
      const double e = (r[i].item<double>() - g[i].item<double>()) / kEps0;
      expected += -0.5 * e * e - std::log(kEps0 * std::sqrt(2 * M_PI));
    }
    EXPECT_NEAR(log_prob[n].item<double>(), expected, 1e-11 * std::abs(expected));
  }
}

TEST(SplitLayer, WithoutNetworkTheMeanIsZero) {
  Split split({4, 2, 2}, 1, 1.0, nullptr);
  EXPECT_TRUE(split.parameters().empty());
  const auto mean = split.mean(normal_tensor({2, 1, 2, 2}, 4));
  EXPECT_TRUE(torch::equal(mean, torch::zeros({2, 3, 2, 2}, torch::kFloat64)));
}

TEST(SplitLayer, ImpossibleSplitsAreRefused) {
  EXPECT_THROW(Split({4, 2, 2}, 0, 1, nullptr), ShapeError);
  EXPECT_THROW(Split({4, 2, 2}, 4, 1, nullptr), ShapeError);
  EXPECT_THROW(Split({4, 2, 2}, 2, 0, nullptr), UsageError);
  Split split({4, 2, 2}, 1, 1, nullptr);
  EXPECT_THROW(split.split(torch::zeros({1, 3, 2, 2})), ShapeError);
  EXPECT_THROW(split.mean(torch::zeros({1, 2, 2, 2})), ShapeError);
  EXPECT_THROW(split.merge(torch::zeros({1, 1, 2, 2}), torch::zeros({1, 2, 2, 2})), ShapeError);
}

}  // namespace
}  // namespace pie

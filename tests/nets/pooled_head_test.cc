#include "lib/nets/pooled_head.h"

#include <gtest/gtest.h>

namespace pie {
namespace {

TEST(PooledHead, InitializesItsFeaturesToMeanZeroAndVarianceOne) {
  for (const int64_t features : {0, 6}) {
    torch::manual_seed(1);
    PooledHead head(3, 4, features);
    const auto x = torch::randn({50, 3, 8, 8}) * 2 + 5;
    head.initialize(x);
    const auto parameters = head.named_parameters();
    const auto maps = features > 0 ? torch::conv2d(x, parameters["kernel"], {}, 1, 1) : x;
    const auto scaled =
        maps * parameters["scale"].view({1, -1, 1, 1}) + parameters["shift"].view({1, -1, 1, 1});
    EXPECT_LT(scaled.mean({0, 2, 3}).abs().max().item<double>(), 1e-3);
    EXPECT_NEAR(scaled.square().mean({0, 2, 3}).sqrt().min().item<double>(), 1, 0.01);
  }
}

TEST(PooledHead, ScoresDoNotDependOnWhereFeaturesLie) {
  torch::manual_seed(1);
  PooledHead head(3, 4, 6);
  auto x = torch::zeros({1, 3, 12, 12});
  x.slice(2, 2, 5).slice(3, 2, 5).copy_(torch::randn({1, 3, 3, 3}));
  const auto moved = x.roll({4, 3}, {2, 3});
  EXPECT_TRUE(torch::allclose(head.forward(x), head.forward(moved), 1e-4, 1e-5));
  EXPECT_FALSE(torch::allclose(head.forward(x), head.forward(2 * x), 1e-4, 1e-5));
}

}  // namespace
}  // namespace pie

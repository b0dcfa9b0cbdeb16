// The formulas of the pre-transforms at values known in closed form, and the edges of [0, 1].
#include "lib/flow/pre_transform.h"

#include <cmath>

#include "lib/base/error.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

TEST(PreTransforms, AffineCentresAndScales) {
  AffinePreTransform layer({1, 1, 3}, 4);
  const auto x = torch::tensor({0.0, 0.5, 1.0}, torch::kFloat64).view({1, 1, 1, 3});
  const auto mapped = layer.forward(x);
  EXPECT_TRUE(
      torch::equal(mapped.value.view(-1), torch::tensor({-2.0, 0.0, 2.0}, torch::kFloat64)));
  EXPECT_NEAR(mapped.log_det[0].item<double>(), 3 * std::log(4.0), 1e-14);
}

TEST(PreTransforms, LogitAtTheMiddleAndTheEdges) {
  constexpr double kAlpha = 0.05;
  LogitPreTransform layer({1, 1, 3}, kAlpha);
  const auto x = torch::tensor({0.0, 0.5, 1.0}, torch::kFloat64).view({1, 1, 1, 3});
  const auto mapped = layer.forward(x);
  const double edge = std::log(kAlpha / (1 - kAlpha));
  expect_close(mapped.value.view(-1), torch::tensor({edge, 0.0, -edge}, torch::kFloat64), 1e-12);
  // d logit(p) / dp = 1 / (p (1 - p)), and p = alpha + (1 - 2 alpha) x.
  const double expected =
      3 * std::log(1 - 2 * kAlpha) - std::log(0.25) - 2 * std::log(kAlpha * (1 - kAlpha));
  EXPECT_NEAR(mapped.log_det[0].item<double>(), expected, 1e-12);
}

TEST(PreTransforms, ImpossibleParametersAreRefused) {
  for (const double scale : {0.0, -1.0, std::nan("")}) {
    EXPECT_THROW(AffinePreTransform({1, 1, 1}, scale), UsageError);
  }
  for (const double alpha : {0.0, -0.1, 0.5, 0.7, std::nan("")}) {
    EXPECT_THROW(LogitPreTransform({1, 1, 1}, alpha), UsageError);
  }
}

}  // namespace
}  // namespace pie

// Activations against their formulas, their derivatives against difference quotients.
#include "lib/numerics/activation.h"

#include <cmath>
#include <vector>

#include "lib/base/error.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

const std::vector<Activation> kAll = {Activation::kElu, Activation::kSoftplus,
                                      Activation::kLipSwish, Activation::kRelu};

double formula(Activation kind, double x) {
  switch (kind) {
    case Activation::kElu:
      return x > 0 ? x : std::expm1(x);
    case Activation::kSoftplus:
      return x > 30 ? x : std::log1p(std::exp(x));
    case Activation::kLipSwish:
      return x / (1 + std::exp(-x)) / 1.1;
    case Activation::kRelu:
      return x > 0 ? x : 0;
  }
  return NAN;
}

// Even many points, so that none is 0, where two slopes jump.
torch::Tensor points() { return torch::linspace(-30, 30, 2000, torch::kFloat64).view({-1, 1}); }

TEST(Activations, AreTheirFormulas) {
  for (const auto kind : kAll) {
    const auto x = points();
    const auto result = activate(x, {}, kind, 0);
    for (int64_t i = 0; i < x.numel(); ++i) {
      const double expected = formula(kind, x[i][0].item<double>());
      EXPECT_NEAR(result.value[i][0].item<double>(), expected, 1e-14 * (1 + std::abs(expected)));
    }
    EXPECT_FALSE(result.slope.defined());
    EXPECT_FALSE(result.curvature.defined());
  }
}

TEST(Activations, DerivativesAreDifferenceQuotients) {
  constexpr double kStep = 1e-5;  // error: 1e-16 / step of rounding, step^2 of curvature
  for (const auto kind : kAll) {
    const auto x = points();
    const auto at = activate(x, {}, kind, 2);
    const auto above = activate(x + kStep, {}, kind, 1), below = activate(x - kStep, {}, kind, 1);
    expect_close(at.slope, (above.value - below.value) / (2 * kStep), 1e-9);
    expect_close(at.curvature, (above.slope - below.slope) / (2 * kStep), 1e-9);
  }
}

// It must reach the check that names it.
TEST(Activations, WhatIsNotANumberStaysThat) {
  for (const auto dtype : {torch::kFloat32, torch::kFloat64, torch::kBFloat16}) {
    for (const char* name : {"elu", "softplus", "lipswish", "relu"}) {
      const auto x = torch::full({1, 3}, NAN).to(dtype);
      EXPECT_TRUE(activate(x, {}, parse_activation(name), 0).value.isnan().all().item<bool>())
          << name << " " << dtype;
    }
  }
}

TEST(Activations, SlopesAreAtMostOne) {
  for (const auto kind : kAll) {
    EXPECT_LE(activate(points(), {}, kind, 1).slope.abs().max().item<double>(), 1 + 1e-15);
  }
}

TEST(Activations, Float32IsCloseToFloat64) {
  for (const auto kind : kAll) {
    const auto x = points().to(torch::kFloat32);
    const auto narrow = activate(x, {}, kind, 2),
               wide = activate(x.to(torch::kFloat64), {}, kind, 2);
    // A few units in the last place of the terms, of which the largest is |x|.
    const auto tolerance = (1 + x.abs()).to(torch::kFloat64) * 1e-6;
    for (const auto& [a, b] :
         {std::pair{narrow.value, wide.value}, std::pair{narrow.slope, wide.slope},
          std::pair{narrow.curvature, wide.curvature}}) {
      EXPECT_LE(((a.to(torch::kFloat64) - b).abs() / tolerance).max().item<double>(), 1);
    }
  }
}

TEST(Activations, Bfloat16RoundsTheFloat32Result) {
  for (const auto kind : kAll) {
    const auto x = points().to(torch::kBFloat16);
    const auto narrow = activate(x, {}, kind, 1),
               wide = activate(x.to(torch::kFloat32), {}, kind, 1);
    EXPECT_TRUE(torch::equal(narrow.value, wide.value.to(torch::kBFloat16)));
    EXPECT_TRUE(torch::equal(narrow.slope, wide.slope.to(torch::kBFloat16)));
  }
}

TEST(Activations, ABiasIsAddedToEveryRow) {
  const auto x = normal_tensor({5, 3}, 1), bias = normal_tensor({3}, 2);
  const auto with = activate(x, bias, Activation::kElu, 2);
  const auto without = activate(x + bias, {}, Activation::kElu, 2);
  EXPECT_TRUE(torch::equal(with.value, without.value));
  EXPECT_TRUE(torch::equal(with.slope, without.slope));
  EXPECT_TRUE(torch::equal(with.curvature, without.curvature));
}

TEST(Activations, TangentsArePushedForward) {
  const auto tangent = normal_tensor({4, 3}, 1), slope = normal_tensor({4, 3}, 2),
             curvature = normal_tensor({4, 3}, 3);
  const auto pushed = push_forward(tangent, slope, curvature);
  EXPECT_TRUE(torch::equal(pushed.tangent, slope * tangent));
  EXPECT_TRUE(torch::equal(pushed.bend, curvature * tangent));
}

TEST(Activations, ThePairIsPulledBackTogether) {
  const auto t = normal_tensor({4, 3}, 1), u = normal_tensor({4, 3}, 2);
  const auto slope = normal_tensor({4, 3}, 3), bend = normal_tensor({4, 3}, 4);
  auto g = torch::cat({t, u});
  const auto sums = pull_back_pair_(g, slope, bend);
  const auto value = slope * u + bend * t;
  expect_close(g, torch::cat({slope * t, value}), 1e-15);
  expect_close(sums, value.sum(0), 1e-14);
}

TEST(Activations, HaveNames) {
  EXPECT_EQ(parse_activation("lipswish"), Activation::kLipSwish);
  EXPECT_THROW(parse_activation("gelu"), UsageError);
}

}  // namespace
}  // namespace pie

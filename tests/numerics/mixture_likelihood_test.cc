// The likelihood of mixtures and its gradients, against the formula in float64 and autograd.
#include "lib/numerics/mixture_likelihood.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/tensors.h"

namespace pie {
namespace {

constexpr double kUnit = 0.125;
constexpr MeanRange kRange{-32, 288};
constexpr double kFloor = 1.0 / (1 << 24);

// ln P(v) as the definition has it, differentiable.
torch::Tensor by_definition(const torch::Tensor& parameters, const torch::Tensor& base,
                            const torch::Tensor& v) {
  const int64_t k = parameters.size(1) / 3;
  const auto weight = torch::softmax(parameters.narrow(1, 0, k) * kUnit, 1);
  const auto mean =
      ((parameters.narrow(1, k, k) + base.unsqueeze(1)) * kUnit).clamp(kRange.low, kRange.high);
  const auto scale = (parameters.narrow(1, 2 * k, k) * kUnit).exp();
  const auto level = v.unsqueeze(1);
  auto above = torch::sigmoid((level + 0.5 - mean) / scale);
  auto below = torch::sigmoid((level - 0.5 - mean) / scale);
  above = torch::where(level >= 255, torch::ones_like(above), above);
  below = torch::where(level <= 0, torch::zeros_like(below), below);
  return ((weight * (above - below)).sum(1) + kFloor).log();
}

TEST(MixtureLikelihoods, AreTheirDefinition) {
  constexpr int64_t kRows = 300, kComponents = 3;
  auto parameters = torch::cat(
      {normal_tensor({kRows, kComponents}, 1) * 8, normal_tensor({kRows, kComponents}, 2) * 160,
       normal_tensor({kRows, kComponents}, 3) * 8},
      1);
  const auto base = uniform_tensor({kRows}, -256, 2304, 4).floor();
  auto v = uniform_tensor({kRows}, 0, 256, 5).floor();
  v.narrow(0, 0, 40).fill_(0);
  v.narrow(0, 40, 40).fill_(255);
  parameters.requires_grad_(true);
  const auto expected = by_definition(parameters, base, v);
  const auto weights = normal_tensor({kRows}, 6);
  (expected * weights).sum().backward();
  const auto expected_gradient = parameters.grad().clone();

  auto single = parameters.detach().to(torch::kFloat32).requires_grad_(true);
  const auto actual = logistic_mixture_log_prob(single, base.to(torch::kFloat32),
                                                v.to(torch::kFloat32), kUnit, kRange, kFloor);
  (actual * weights.to(torch::kFloat32)).sum().backward();
  // float32 rounds masses, which are at least the floor where they matter, to one part in 2^24, and
  // distances of up to 300 levels to one part in 2^24 of themselves, in units of the scale.
  EXPECT_LT((actual.to(torch::kFloat64) - expected).abs().max().item<double>(), 1e-3);
  EXPECT_LT((single.grad().to(torch::kFloat64) - expected_gradient).abs().max().item<double>(),
            1e-3);
}

}  // namespace
}  // namespace pie

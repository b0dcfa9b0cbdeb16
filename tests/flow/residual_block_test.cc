// Inverse, log-det estimators and their gradients against the whole Jacobian, in float64.
#include "lib/flow/residual_block.h"

#include <cmath>

#include "lib/base/error.h"
#include "lib/nets/lipschitz_net.h"
#include "tests/support/jacobian.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

constexpr Shape kShape{2, 3, 4};
constexpr uint64_t kIndex = 4;  // of the block in its model

std::shared_ptr<ResidualBlock> block_of(double coefficient, double scale = 0.6) {
  torch::manual_seed(3);
  auto block =
      std::make_shared<ResidualBlock>(kShape, kIndex, [&](int64_t c, int64_t h, int64_t w) {
        LipschitzNetOptions options;
        options.channels = c;
        options.height = h;
        options.width = w;
        options.hidden = 8;
        options.activation = Activation::kElu;
        options.coefficient = coefficient;
        return std::make_shared<LipschitzNet>(options);
      });
  block->to(torch::kFloat64);
  perturb(*block, scale, 1);
  block->map().constrain(true);
  block->map().certify();
  return block;
}

torch::Tensor samples(int64_t n, uint64_t seed) { return normal_tensor({n, 2, 3, 4}, seed); }

LogDetEstimator estimator(LogDetEstimator::Method method, int64_t terms, int64_t n,
                          uint64_t seed = 1) {
  LogDetEstimator how;
  how.method = method;
  how.terms = terms;
  how.seed = seed;
  for (int64_t i = 0; i < n; ++i) how.keys.push_back(static_cast<uint64_t>(i));
  return how;
}

torch::Tensor log_det(ResidualBlock& block, const torch::Tensor& x, const LogDetEstimator& how) {
  const torch::NoGradGuard no_grad;
  return block.forward(x, how).log_det;
}

// The eigenvalues of J within L make every power trace at most d L^k.
TEST(ResidualBlocks, InverseIsExactAndItsBoundHolds) {
  for (const double c : {0.5, 0.9, 0.97}) {
    const auto block = block_of(c);
    const auto x = samples(5, 2);
    const auto z = block->latent(x).detach();
    for (const double tolerance : {1e-3, 1e-6, 1e-11}) {
      FixedPointOptions options;
      options.tolerance = tolerance;
      int64_t plain_iterations = 0;
      for (const int64_t depth : {0, 4}) {
        options.anderson_depth = depth;
        FixedPointReport report;
        const auto found = block->inverse(z, options, &report);
        for (int64_t i = 0; i < x.size(0); ++i) {
          const double error = (found[i] - x[i]).norm().item<double>();
          EXPECT_LE(error, report.error_bound[i].item<double>() + 1e-14);
          EXPECT_LE(error, tolerance * std::sqrt(24.0));
          EXPECT_GT(report.iterations[i].item<int64_t>(), 0);
        }
        const auto iterations = report.iterations.sum().item<int64_t>();
        if (depth == 0) plain_iterations = iterations;
        EXPECT_LE(iterations, plain_iterations) << "depth " << depth;
      }
    }
    expect_close(block->inverse(z), x, 1e-10);
  }
}

TEST(ResidualBlocks, InverseOfASampleDoesNotDependOnTheOthers) {
  const auto block = block_of(0.9);
  const auto x = samples(6, 2) *
                 torch::tensor({1., 10., 0.1, 3., 100., 1.}, torch::kFloat64).view({6, 1, 1, 1});
  const torch::NoGradGuard no_grad;
  const auto z = block->latent(x);
  const auto together = block->inverse(z);
  for (int64_t i = 0; i < 6; ++i) {
    expect_close(together.narrow(0, i, 1), block->inverse(z.narrow(0, i, 1)), 1e-11);
  }
}

TEST(ResidualBlocks, WhatDoesNotConvergeIsAnError) {
  const auto block = block_of(0, 2.0);  // not a contraction
  const auto z = samples(2, 2);
  const torch::NoGradGuard no_grad;
  EXPECT_THROW(block->inverse(z), ConvergenceError);
  FixedPointOptions options;
  options.fail = false;
  options.max_iterations = 20;
  FixedPointReport report;
  EXPECT_EQ(block->inverse(z, options, &report).sizes(), z.sizes());
  EXPECT_TRUE(std::isnan(report.error_bound[0].item<double>()));
  // A contraction that is not given the time.
  options.fail = true;
  options.max_iterations = 2;
  EXPECT_THROW(block_of(0.9)->inverse(z, options, nullptr), ConvergenceError);
}

// With the exact traces the error of a truncated series is below its bound; probes add noise with a
// known standard error.
TEST(ResidualBlocks, SeriesIsWithinItsBound) {
  const auto block = block_of(0.9);
  const auto x = samples(1, 2);
  const double exact = log_det(*block, x, {})[0].item<double>();
  const auto slope = jacobian([&](const auto& v) { return block->latent(v); }, x) -
                     torch::eye(24, torch::kFloat64);
  const double lipschitz = block->map().lipschitz_bound();
  auto power = torch::eye(24, torch::kFloat64);
  double series = 0;
  for (int64_t k = 1; k <= 12; ++k) {
    power = power.mm(slope);
    series += (k % 2 == 1 ? 1 : -1) * power.trace().item<double>() / static_cast<double>(k);
    EXPECT_LE(std::abs(series - exact), truncation_bound(lipschitz, 24, k)) << k;
    // The estimator's mean is that series.
    constexpr int kSeeds = 400;
    double sum = 0, squares = 0;
    for (int seed = 0; seed < kSeeds; ++seed) {
      const double value =
          log_det(*block, x,
                  estimator(LogDetEstimator::Method::kSeries, k, 1, static_cast<uint64_t>(seed)))[0]
              .item<double>();
      sum += value;
      squares += value * value;
    }
    const double mean = sum / kSeeds;
    const double error = std::sqrt((squares / kSeeds - mean * mean) / kSeeds);
    EXPECT_LE(std::abs(mean - series), 4 * error) << k;
  }
}

TEST(ResidualBlocks, RouletteIsUnbiased) {
  const auto block = block_of(0.9);
  const auto x = samples(1, 2);
  const double exact = log_det(*block, x, {})[0].item<double>();
  constexpr int64_t kDraws = 20000;
  const auto many = x.expand({kDraws, 2, 3, 4}).contiguous();
  for (const auto tail : {LogDetEstimator::Tail::kPoisson, LogDetEstimator::Tail::kGeometric}) {
    for (const int64_t terms : {1, 3}) {
      auto how = estimator(LogDetEstimator::Method::kRoulette, terms, kDraws);
      how.tail = tail;
      how.tail_parameter = tail == LogDetEstimator::Tail::kPoisson ? 2 : 0.6;
      const auto values = log_det(*block, many, how);
      const double mean = values.mean().item<double>();
      const double error =
          values.std().item<double>() / std::sqrt(static_cast<double>(values.numel()));
      EXPECT_LE(std::abs(mean - exact), 4 * error);
      EXPECT_LT(error, 0.05);
    }
  }
}

// Probe p estimates sum_k (-1)^(k+1) v_p^T J^k v_p / k, here of J as a whole matrix.
TEST(ResidualBlocks, MoreProbesAreTheMeanOfTheirEstimates) {
  const auto block = block_of(0.9);
  const auto x = samples(1, 2);
  const auto slope = jacobian([&](const auto& v) { return block->latent(v); }, x) -
                     torch::eye(24, torch::kFloat64);
  constexpr int64_t kTerms = 5;
  auto power = torch::eye(24, torch::kFloat64), series = torch::zeros_like(power);
  for (int64_t k = 1; k <= kTerms; ++k) {
    power = power.mm(slope);
    series += power * ((k % 2 == 1 ? 1.0 : -1.0) / static_cast<double>(k));
  }
  auto how = estimator(LogDetEstimator::Method::kSeries, kTerms, 1);
  double sum = 0;
  for (int64_t probes = 1; probes <= 3; ++probes) {
    auto signs = torch::empty({3, 4, 2});  // of the channels of each pixel
    how.fill_signs(signs.data_ptr<float>(), 24, {how.keys[0]}, kIndex,
                   static_cast<uint64_t>(probes - 1));
    const auto v = signs.permute({2, 0, 1}).reshape(-1).to(torch::kFloat64);
    sum += v.dot(series.mv(v)).item<double>();
    how.probes = probes;
    EXPECT_NEAR(log_det(*block, x, how)[0].item<double>(), sum / static_cast<double>(probes),
                1e-10);
  }
}

TEST(ResidualBlocks, EstimatesDependOnTheKeyAlone) {
  const auto block = block_of(0.9);
  const auto x = samples(4, 2);
  auto how = estimator(LogDetEstimator::Method::kRoulette, 2, 4);
  const auto together = log_det(*block, x, how);
  for (int64_t i = 0; i < 4; ++i) {
    auto alone = how;
    alone.keys = {static_cast<uint64_t>(i)};
    expect_close(log_det(*block, x.narrow(0, i, 1), alone), together.narrow(0, i, 1), 1e-12);
  }
}

// The Neumann gradient of many estimates by two probes, in the mean, is the exact gradient.
TEST(ResidualBlocks, NeumannGradientIsExactInExpectation) {
  const auto block = block_of(0.8);
  const auto one = samples(1, 2);
  const auto gradients = [&](const torch::Tensor& x, const LogDetEstimator& how) {
    block->zero_grad();
    auto leaf = x.clone().requires_grad_(true);
    block->forward(leaf, how).log_det.mean().backward();
    std::vector<torch::Tensor> all{leaf.grad().sum(0)};
    for (const auto& p : block->parameters()) {
      all.push_back(p.grad().defined() ? p.grad().clone() : torch::zeros_like(p));
    }
    return all;
  };
  const auto exact = gradients(one, {});
  constexpr int64_t kDraws = 2000, kRounds = 16;
  for (const auto method : {LogDetEstimator::Method::kSeries, LogDetEstimator::Method::kRoulette}) {
    // A series this long leaves less than rounding.
    const int64_t terms = method == LogDetEstimator::Method::kSeries ? 40 : 2;
    std::vector<torch::Tensor> sum, squares;
    for (int64_t round = 0; round < kRounds; ++round) {
      auto how = estimator(method, terms, kDraws / kRounds, static_cast<uint64_t>(round));
      how.probes = 2;
      const auto mean = gradients(one.expand({kDraws / kRounds, 2, 3, 4}).contiguous(), how);
      for (size_t i = 0; i < mean.size(); ++i) {
        if (round == 0) sum.push_back(torch::zeros_like(mean[i]));
        if (round == 0) squares.push_back(torch::zeros_like(mean[i]));
        sum[i] += mean[i] / static_cast<double>(kRounds);
        squares[i] += mean[i].square() / static_cast<double>(kRounds);
      }
    }
    for (size_t i = 0; i < sum.size(); ++i) {
      // Student's t with 15 degrees of freedom over a thousand entries: 7 standard errors.
      const auto error = ((squares[i] - sum[i].square()).clamp_min(0) / (kRounds - 1)).sqrt();
      EXPECT_LE(((sum[i] - exact[i]).abs() - 7 * error).max().item<double>(), 1e-9)
          << "variable " << i << ", " << to_string(method);
    }
  }
}

TEST(ResidualBlocks, GradientOfTheInverseIsThatOfDifferences) {
  const auto block = block_of(0.9);
  auto z = samples(2, 5).requires_grad_(true);
  const auto w = samples(2, 6), direction = samples(2, 7);
  (block->inverse(z) * w).sum().backward();
  const torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  const auto at = [&](double step) {
    return (block->inverse(z + step * direction) * w).sum().item<double>();
  };
  EXPECT_NEAR((z.grad() * direction).sum().item<double>(), (at(kStep) - at(-kStep)) / (2 * kStep),
              1e-6);
  auto weight = block->named_parameters()["map.weight1"];
  const auto change = normal_tensor(weight.sizes().vec(), 8);
  const auto start = weight.clone();
  const auto with = [&](double step) {
    weight.copy_(start + step * change);
    return (block->inverse(z) * w).sum().item<double>();
  };
  EXPECT_NEAR((weight.grad() * change).sum().item<double>(),
              (with(kStep) - with(-kStep)) / (2 * kStep), 1e-6);
}

}  // namespace
}  // namespace pie

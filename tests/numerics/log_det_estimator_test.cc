// Probabilities against sums, random numbers against their distribution.
#include "lib/numerics/log_det_estimator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lib/base/error.h"

namespace pie {
namespace {

TEST(LogDetEstimators, TailsAreDrawnWithTheirProbabilities) {
  for (const auto tail : {LogDetEstimator::Tail::kPoisson, LogDetEstimator::Tail::kGeometric}) {
    LogDetEstimator how;
    how.tail = tail;
    how.tail_parameter = tail == LogDetEstimator::Tail::kPoisson ? 2 : 0.6;
    constexpr int kDraws = 20000;
    std::vector<int> at_least(60);
    for (int i = 0; i < kDraws; ++i) {
      const auto n = how.draw_tail(static_cast<uint64_t>(i), 3, 1);
      for (int64_t k = 0; k <= std::min<int64_t>(n, 59); ++k) ++at_least[static_cast<size_t>(k)];
    }
    EXPECT_EQ(how.tail_probability(0), 1);
    for (int64_t k = 1; k < 12; ++k) {
      const double p = how.tail_probability(k);
      const double error = std::sqrt(p * (1 - p) / kDraws);
      EXPECT_NEAR(at_least[static_cast<size_t>(k)] / static_cast<double>(kDraws), p, 4.5 * error);
    }
  }
}

TEST(LogDetEstimators, PoissonTailsAreTheIncompleteGammaFunction) {
  LogDetEstimator how;
  how.tail = LogDetEstimator::Tail::kPoisson;
  how.tail_parameter = 2;
  EXPECT_NEAR(how.tail_probability(1), 1 - std::exp(-2.0), 1e-15);
  EXPECT_NEAR(how.tail_probability(3), 1 - 5 * std::exp(-2.0), 1e-15);
  // P(N >= 30) = 2^30 e^-2 / 30! (1 + 2/31 + 4/(31 32) + ...), of order 1e-25: nothing cancels.
  const double first = std::exp(30 * std::log(2.0) - 2 - std::lgamma(31.0));
  EXPECT_NEAR(how.tail_probability(30) / first, 1 + 2.0 / 31 + 4.0 / (31 * 32), 1e-3);
}

TEST(LogDetEstimators, RareTailsEnd) {
  // The random number of this key is the smallest of 2^24, which once meant a tail without end.
  LogDetEstimator how;
  how.tail = LogDetEstimator::Tail::kPoisson;
  how.tail_parameter = 2;
  const auto n = how.draw_tail(15892903, 3, 1);
  EXPECT_GT(n, 10);
  EXPECT_GT(how.tail_probability(n), 0x1p-32);
}

TEST(LogDetEstimators, SignsAreBalancedAndTheirOwn) {
  const LogDetEstimator how;
  std::vector<float> a(10000), b(10000), c(10000);
  how.fill_signs(a.data(), a.size(), {1}, 2, 0);
  how.fill_signs(b.data(), b.size(), {1}, 3, 0);
  how.fill_signs(c.data(), c.size(), {1}, 2, 1);
  double mean = 0, ab = 0, ac = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(std::abs(a[i]), 1);
    mean += a[i] / 100.0;
    ab += a[i] * b[i] / 100.0;
    ac += a[i] * c[i] / 100.0;
  }
  for (const double z : {mean, ab, ac}) EXPECT_LE(std::abs(z), 4.5);  // standard errors
}

TEST(LogDetEstimators, BoundIsTheRestOfTheLogarithm) {
  for (const double lipschitz : {0.3, 0.729, 0.9}) {
    double sum = -std::log(1 - lipschitz);
    for (int64_t k = 1; k <= 10; ++k) {
      sum -= std::pow(lipschitz, static_cast<double>(k)) / static_cast<double>(k);
    }
    EXPECT_NEAR(truncation_bound(lipschitz, 784, 10), 784 * sum, 1e-9);
  }
  EXPECT_TRUE(std::isinf(truncation_bound(1.0, 784, 10)));
}

TEST(LogDetEstimators, HaveNames) {
  for (const char* name : {"exact", "series", "roulette"}) {
    EXPECT_EQ(to_string(parse_log_det_method(name)), name);
  }
  EXPECT_THROW(parse_log_det_method("magic"), UsageError);
}

}  // namespace
}  // namespace pie

// Log-densities against the definition, number by number.
#include "lib/numerics/gaussian.h"

#include <cmath>

#include "tests/support/tensors.h"

namespace pie {
namespace {

TEST(Gaussian, LogProbIsTheSumOverElements) {
  const auto x = normal_tensor({3, 2, 2, 3}, 1);
  for (const double sigma : {0.1, 1.0, 3.0}) {
    const auto log_prob = normal_log_prob(x, sigma);
    ASSERT_EQ(log_prob.sizes(), torch::IntArrayRef({3}));
    for (int64_t n = 0; n < 3; ++n) {
      double expected = 0;
      const auto sample = x[n].reshape(-1);
      for (int64_t i = 0; i < sample.size(0); ++i) {
        const double t = sample[i].item<double>() / sigma;
        expected += std::log(std::exp(-t * t / 2) / (sigma * std::sqrt(2 * M_PI)));
      }
      EXPECT_NEAR(log_prob[n].item<double>(), expected, 1e-11 * std::abs(expected));
    }
  }
}

TEST(Gaussian, IntegratesToOne) {
  constexpr double kSigma = 0.7, kStep = 0.01;
  const auto x = torch::arange(-10.0, 10.0, kStep, torch::kFloat64).view({-1, 1});
  EXPECT_NEAR(normal_log_prob(x, kSigma).exp().sum().item<double>() * kStep, 1, 1e-12);
}

}  // namespace
}  // namespace pie

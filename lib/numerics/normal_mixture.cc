#include "lib/numerics/normal_mixture.h"

#include <cmath>
#include <limits>

namespace pie {
namespace {

const double kLogSqrt2Pi = std::log(std::sqrt(2 * M_PI));

// ln N(y; 0, 1).
torch::Tensor log_density(const torch::Tensor& y) { return y.square() * -0.5 - kLogSqrt2Pi; }

// The y <= 0 with ln Phi(y) = log_cdf, which is at most ln 1/2.
torch::Tensor lower_quantile(const torch::Tensor& log_cdf) {
  constexpr double kTail = -5;  // beyond, Phi(y) is about exp(-y^2 / 2) / (|y| sqrt(2 pi))
  const auto slope = [&](const torch::Tensor& y) {  // d y / d log_cdf
    return (torch::special_log_ndtr(y) - log_density(y)).exp();
  };
  const auto target = log_cdf.detach();
  torch::Tensor y;
  {
    const torch::NoGradGuard no_grad;
    const auto wide = (target * -2 - 2 * kLogSqrt2Pi).clamp_min(1);
    y = torch::where(target > kTail, torch::special_ndtri(target.exp()),
                     (wide - wide.log()).clamp_min(0).sqrt().neg());
    for (int i = 0; i < 4; ++i) {
      y = (y - (torch::special_log_ndtr(y) - target) * slope(y)).clamp_max(0);
    }
  }
  return y + (log_cdf - target) * slope(y);
}

}  // namespace

Gaussianized to_normal(const torch::Tensor& x, const NormalMixture& mixture) {
  const auto t = (x.unsqueeze(1) - mixture.means) * mixture.log_deviations.neg().exp();
  const auto log_cdf = (mixture.log_weights + torch::special_log_ndtr(t)).logsumexp(1);
  const auto log_survival = (mixture.log_weights + torch::special_log_ndtr(-t)).logsumexp(1);
  const auto value =
      torch::where(log_cdf < log_survival, lower_quantile(torch::minimum(log_cdf, log_survival)),
                   -lower_quantile(torch::minimum(log_cdf, log_survival)));
  const auto log_mixture =
      (mixture.log_weights + log_density(t) - mixture.log_deviations).logsumexp(1);
  return {value, log_mixture - log_density(value)};
}

torch::Tensor from_normal(const torch::Tensor& y, const NormalMixture& mixture) {
  torch::Tensor x;
  {
    const torch::NoGradGuard no_grad;
    // A quantile of the mixture lies between those of its components.
    const auto quantiles = mixture.means + mixture.log_deviations.exp() * y.unsqueeze(1);
    auto low = quantiles.amin(1), high = quantiles.amax(1);
    x = (low + high) / 2;
    constexpr int kMost = 100;  // halving alone would be done by then
    for (int i = 0; i < kMost; ++i) {
      const auto mapped = to_normal(x, mixture);
      const auto excess = mapped.value - y;
      high = torch::where(excess > 0, x, high);
      low = torch::where(excess > 0, low, x);
      auto next = x - excess * (-mapped.log_slope).exp();
      next = torch::where((next >= low).logical_and(next <= high), next, (low + high) / 2);
      const bool same = torch::equal(next, x);
      x = next;
      if (same) break;
    }
  }
  const auto mapped = to_normal(x, mixture);
  return x - (mapped.value - y) * (-mapped.log_slope).exp().detach();
}

}  // namespace pie

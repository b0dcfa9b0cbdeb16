#include "lib/numerics/normal_mixture.h"

#include <cmath>
#include <limits>

namespace pie {
namespace {

const double kLogSqrt2Pi = std::log(std::sqrt(2 * M_PI));
const double kLogSqrtHalfPi = std::log(std::sqrt(M_PI / 2));

// ln N(y; 0, 1).
torch::Tensor log_density(const torch::Tensor& y) { return y.square() * -0.5 - kLogSqrt2Pi; }

// ln of Phi(y) / N(y; 0, 1), without the two, whose logarithms are as large as y^2 / 2 where y < 0.
torch::Tensor log_mills_ratio(const torch::Tensor& y) {
  const auto below = y.clamp_max(0), above = y.clamp_min(0);
  return torch::where(y < 0, torch::special_erfcx(below * -M_SQRT1_2).log() + kLogSqrtHalfPi,
                      torch::special_log_ndtr(above) - log_density(above));
}

// ln Phi(y). LibTorch's own gradient of it has no right digit left where y < -1000 in float32.
torch::Tensor log_distribution(const torch::Tensor& y) {
  const auto at = y.detach();
  return torch::special_log_ndtr(at) + (y - at) * log_mills_ratio(at).neg().exp();
}

// The y <= 0 with ln Phi(y) = log_cdf, which is at most ln 1/2.
torch::Tensor lower_quantile(const torch::Tensor& log_cdf) {
  constexpr double kTail = -5;  // beyond, Phi(y) is about exp(-y^2 / 2) / (|y| sqrt(2 pi))
  const auto target = log_cdf.detach();
  torch::Tensor y, slope;  // d y / d log_cdf
  {
    const torch::NoGradGuard no_grad;
    const auto wide = (target * -2 - 2 * kLogSqrt2Pi).clamp_min(1);
    y = torch::where(target > kTail, torch::special_ndtri(target.exp()),
                     (wide - wide.log()).clamp_min(0).sqrt().neg());
    for (int i = 0; i < 4; ++i) {
      y = (y - (torch::special_log_ndtr(y) - target) * log_mills_ratio(y).exp()).clamp_max(0);
    }
    slope = log_mills_ratio(y).exp();
  }
  return y + (log_cdf - target) * slope;
}

}  // namespace

Gaussianized to_normal(const torch::Tensor& x, const NormalMixture& mixture) {
  const auto t = (x.unsqueeze(1) - mixture.means) * mixture.log_deviations.neg().exp();
  const auto log_cdf = (mixture.log_weights + log_distribution(t)).logsumexp(1);
  const auto log_survival = (mixture.log_weights + log_distribution(-t)).logsumexp(1);
  // All further in the tail that x is in, as if it were the lower one.
  const auto lower = log_cdf < log_survival;
  const auto tail = lower_quantile(torch::minimum(log_cdf, log_survival));
  const auto mirrored = torch::where(lower.unsqueeze(1), t, -t);
  const auto log_shares = (mixture.log_weights + log_distribution(mirrored)).log_softmax(1);
  // The density divided by the tail is the components' own such ratios, averaged by their shares.
  const auto log_hazard =
      (log_shares - mixture.log_deviations - log_mills_ratio(mirrored)).logsumexp(1);
  return {torch::where(lower, tail, -tail), log_hazard + log_mills_ratio(tail)};
}

torch::Tensor from_normal(const torch::Tensor& y, const NormalMixture& mixture) {
  torch::Tensor x;
  {
    const torch::NoGradGuard no_grad;
    const double epsilon = y.scalar_type() == torch::kFloat64
                               ? std::numeric_limits<double>::epsilon()
                               : std::numeric_limits<float>::epsilon();
    // A quantile of the mixture lies between those of its components.
    const auto quantiles = mixture.means + mixture.log_deviations.exp() * y.unsqueeze(1);
    auto low = quantiles.amin(1), high = quantiles.amax(1);
    x = (low + high) / 2;
    constexpr int kMost = 200;  // halving in every other step ends before
    for (int i = 0; i < kMost; ++i) {
      const auto mapped = to_normal(x, mixture);
      const auto excess = mapped.value - y;
      const auto found =
          excess.abs()
              .le((1 + y.abs()) * (4 * epsilon))
              .logical_or((high - low).le(torch::maximum(low.abs(), high.abs()) * (2 * epsilon)));
      if (found.all().item<bool>()) break;
      high = torch::where(excess > 0, x, high);
      low = torch::where(excess > 0, low, x);
      const auto middle = (low + high) / 2;
      const auto newton = x - excess * (-mapped.log_slope).exp();
      const bool halves = i % 2 == 1 && i > 8;  // where Newton's steps are caught in small ones
      const auto inside = newton.ge(low).logical_and(newton.le(high));
      x = torch::where(found, x, halves ? middle : torch::where(inside, newton, middle));
    }
  }
  const auto mapped = to_normal(x, mixture);
  return x - (mapped.value - y) * (-mapped.log_slope).exp().detach();
}

}  // namespace pie

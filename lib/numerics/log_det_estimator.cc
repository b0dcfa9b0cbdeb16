#include "lib/numerics/log_det_estimator.h"

#include <cmath>
#include <limits>

#include "lib/base/error.h"
#include "lib/base/random.h"

namespace pie {
namespace {

// Far beyond where any series of a contraction still changes a float.
constexpr int64_t kLongestTail = 1000;

// The random numbers of one (sample, block, probe).
CounterRandom stream(uint64_t seed, uint64_t key, uint64_t block, uint64_t probe) {
  return {seed ^ (0x6c6f67646574 + (block << 16) + probe), key};
}

}  // namespace

int64_t LogDetEstimator::draw_tail(uint64_t key, uint64_t block, uint64_t probe) const {
  // 64 random bits, for rare tails; never 0, whose tail would not end. Signs use the indices
  // between.
  const auto random = stream(seed, key, block, probe);
  const double u = (random.bits(0) + (random.bits(uint64_t{1} << 40) + 0.5) * 0x1p-32) * 0x1p-32;
  int64_t n = 0;
  while (n < kLongestTail && u < tail_probability(n + 1)) ++n;
  return n;
}

double LogDetEstimator::tail_probability(int64_t k) const {
  if (tail == Tail::kGeometric) return std::pow(tail_parameter, static_cast<double>(k));
  double term = std::exp(-tail_parameter), below = 0;
  for (int64_t i = 0; i < k; ++i) {
    below += term;
    term *= tail_parameter / static_cast<double>(i + 1);
  }
  // Summed from the small end where 1 - below would cancel.
  double above = 0;
  for (int64_t i = k; i < k + 60; ++i) {
    above += term;
    term *= tail_parameter / static_cast<double>(i + 1);
  }
  return below < 0.5 ? 1 - below : above;
}

void LogDetEstimator::fill_signs(float* out, size_t each, const std::vector<uint64_t>& of,
                                 uint64_t block, uint64_t probe) const {
  for (const uint64_t key : of) {
    const auto random = stream(seed, key, block, probe);
    for (size_t i = 0; i < each; i += 32) {
      const uint32_t bits = random.bits(1 + i / 32);
      for (size_t k = i; k < std::min(each, i + 32); ++k) {
        out[k] = (bits >> (k - i) & 1U) != 0 ? 1.0F : -1.0F;
      }
    }
    out += each;
  }
}

LogDetEstimator::Method parse_log_det_method(const std::string& name) {
  if (name == "exact") return LogDetEstimator::Method::kExact;
  if (name == "series") return LogDetEstimator::Method::kSeries;
  if (name == "roulette") return LogDetEstimator::Method::kRoulette;
  throw UsageError("a log-det method is exact, series or roulette, not '" + name + "'");
}

std::string to_string(LogDetEstimator::Method method) {
  switch (method) {
    case LogDetEstimator::Method::kExact:
      return "exact";
    case LogDetEstimator::Method::kSeries:
      return "series";
    case LogDetEstimator::Method::kRoulette:
      return "roulette";
  }
  return "";
}

double truncation_bound(double lipschitz, int64_t dims, int64_t terms) {
  if (!(lipschitz < 1)) return std::numeric_limits<double>::infinity();
  // The rest of the series itself: the closed form minus the first terms would cancel.
  double power = std::pow(lipschitz, static_cast<double>(terms)), sum = 0;
  for (int64_t k = terms + 1; power > 1e-18 * (1 - lipschitz); ++k) {
    power *= lipschitz;
    sum += power / static_cast<double>(k);
  }
  return static_cast<double>(dims) * sum;
}

}  // namespace pie

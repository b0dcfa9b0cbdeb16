#include "lib/coding/normal_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "lib/base/error.h"

namespace pie {

const std::array<std::uint32_t, kMaxStep + 1> kNormalTail = {
#include "lib/coding/normal_table.inc"
};

namespace {

constexpr int kTotalBits = 16;
constexpr std::uint32_t kTotal = 1U << kTotalBits;
// Probabilities come in units of 2^-31; one count of a frequency is this many.
constexpr std::uint32_t kUnitsPerCount = 1U << (31 - kTotalBits);

std::uint32_t rounded_count(std::uint32_t mass) {
  return (mass + kUnitsPerCount / 2) / kUnitsPerCount;
}

std::int32_t symbol_of(std::size_t index) {
  const auto magnitude = static_cast<std::int32_t>((index + 1) / 2);
  return index % 2 == 1 ? -magnitude : magnitude;
}

// Adjusts the counts to add up to kTotal: one each, likeliest bin first, as many rounds as needed.
void settle(std::vector<std::uint32_t>& counts) {
  std::int64_t surplus = -std::int64_t{kTotal};
  for (const std::uint32_t count : counts) surplus += count;
  while (surplus != 0) {
    for (std::size_t i = 0; i + 1 < counts.size() && surplus != 0; ++i) {
      if (surplus < 0) {
        ++counts[i];
        ++surplus;
      } else if (counts[i] > 1) {
        --counts[i];
        --surplus;
      }
    }
  }
}

int floor_log2(std::uint32_t value) {
  int result = 0;
  while (value >>= 1) ++result;
  return result;
}

// log2 of the upper tail 1 - Phi(x), x >= 0, also where the tail underflows.
double log2_tail(double x) {
  constexpr double kSqrtHalf = 0.7071067811865476;
  if (x < 30) return std::log2(0.5 * std::erfc(x * kSqrtHalf));
  constexpr double kLog2E = 1.4426950408889634;
  constexpr double kLog2Sqrt2Pi = 1.3257480647361593;
  return -x * x / 2 * kLog2E - std::log2(x) - kLog2Sqrt2Pi;
}

}  // namespace

std::uint32_t normal_cdf(std::int64_t half_units) {
  const std::int64_t magnitude = half_units < 0 ? -half_units : half_units;
  std::uint32_t tail = 0;
  if (magnitude <= 2 * std::int64_t{kMaxStep}) {
    const auto below = static_cast<std::size_t>(magnitude / 2);
    const auto above = static_cast<std::size_t>((magnitude + 1) / 2);
    tail = kNormalTail[below] + kNormalTail[above];
  }
  return half_units < 0 ? tail : (1U << 31) - tail;
}

NormalSymbols::NormalSymbols(std::uint32_t step) : step_(step) {
  if (step < 1 || step > kMaxStep) {
    throw UsageError("quantization step " + std::to_string(step) + "/1024 is not within 1 to " +
                     std::to_string(kMaxStep) + "/1024 of sigma");
  }
  std::vector<std::uint32_t> counts;
  std::uint32_t escape_mass = 1U << 31;
  for (std::int64_t k = 0;; ++k) {
    const std::uint32_t mass =
        normal_cdf((2 * k + 1) * std::int64_t{step}) - normal_cdf((2 * k - 1) * std::int64_t{step});
    if (rounded_count(mass) == 0) break;
    largest_ = static_cast<std::int32_t>(k);
    for (int sign = k == 0 ? 1 : 0; sign < 2; ++sign) {
      counts.push_back(rounded_count(mass));
      escape_mass -= mass;
    }
  }
  counts.push_back(std::max(rounded_count(escape_mass), 1U));
  settle(counts);

  starts_.assign(1, 0);
  for (const std::uint32_t count : counts) {
    index_of_slot_.insert(index_of_slot_.end(), count,
                          static_cast<std::uint16_t>(starts_.size() - 1));
    starts_.push_back(starts_.back() + count);
  }
}

NormalSymbols::Found NormalSymbols::find(std::uint32_t slot) const {
  const std::size_t index = index_of_slot_[slot];
  const bool escaped = index == escape_index();
  return {interval_of(index), escaped, escaped ? 0 : symbol_of(index)};
}

double NormalSymbols::ideal_bits(std::int32_t k) const {
  const double step = static_cast<double>(step_) / kUnitsPerSigma;
  if (k == 0) return -std::log2(std::erf(step / 2 * 0.7071067811865476));
  const double distance = std::abs(static_cast<double>(k));
  const double inner = log2_tail((distance - 0.5) * step);
  const double outer = log2_tail((distance + 0.5) * step);
  // log2 of the difference of the two tails, from their logarithms.
  return -inner - std::log2(-std::expm1((outer - inner) * 0.6931471805599453));
}

double NormalSymbols::coded_bits(std::int32_t k) const {
  const double bits = kTotalBits - std::log2(static_cast<double>(interval(k).freq));
  if (has(k)) return bits;
  const std::int64_t magnitude = k < 0 ? -std::int64_t{k} : std::int64_t{k};
  return bits + 6 + floor_log2(static_cast<std::uint32_t>(magnitude - largest_));
}

}  // namespace pie

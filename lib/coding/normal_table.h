// Frequency tables of quantized standard normal values, computed without floating point, so that
// they are the same on every machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pie {

// Quantization steps are counted in sigma / kUnitsPerSigma.
inline constexpr std::uint32_t kUnitsPerSigma = 1024;
inline constexpr std::uint32_t kMaxStep = 8 * kUnitsPerSigma;

// Entry i is round(2^30 * (1 - Phi(i / 1024))); see normal_table.py.
extern const std::array<std::uint32_t, kMaxStep + 1> kNormalTail;

// Phi(x) in units of 2^-31 at x = half_units / 2048 sigma: exact table entries at even arguments,
// their mean at odd ones, 0 and 2^31 beyond 8 sigma. normal_cdf(-h) == 2^31 - normal_cdf(h).
std::uint32_t normal_cdf(std::int64_t half_units);

// The symbols of one quantization step: integer k stands for the bin [(k - 1/2) step, (k + 1/2)
// step] of N(0, 1). Bins too rare for a frequency of their own share an escape, after which the
// integer is spelled out; so every int32 can be coded. FORMAT.md, "Frequency table", gives the
// construction.
class NormalSymbols {
 public:
  // `step` in units of sigma / 1024, 1 to kMaxStep. Throws UsageError outside.
  explicit NormalSymbols(std::uint32_t step);

  std::uint32_t step() const { return step_; }
  // Symbols of at most this magnitude have a frequency of their own.
  std::int32_t largest() const { return largest_; }

  // Whether k has a frequency of its own; what has none is escaped.
  bool has(std::int32_t k) const { return index_of(k) < escape_index(); }

  // Slots out of 2^16: `freq` of them from `start` on.
  struct Interval {
    std::uint32_t start, freq;
  };
  // That of k, or of the escape.
  Interval interval(std::int32_t k) const {
    const std::size_t index = index_of(k);
    return interval_of(index < escape_index() ? index : escape_index());
  }
  Interval escape() const { return interval_of(escape_index()); }

  // Who owns a slot, which is below 2^16.
  struct Found {
    Interval interval;
    bool escaped;
    std::int32_t symbol;  // 0 if escaped
  };
  Found find(std::uint32_t slot) const;

  // Bits that the true probability of bin k asks for, and bits that this table spends on it.
  double ideal_bits(std::int32_t k) const;
  double coded_bits(std::int32_t k) const;

 private:
  // 0, -1, +1, -2, +2, ... -> 0, 1, 2, 3, 4, ...
  static std::size_t index_of(std::int32_t k) {
    const auto magnitude = static_cast<std::size_t>(k < 0 ? -std::int64_t{k} : std::int64_t{k});
    return 2 * magnitude - (k < 0 ? 1 : 0);
  }
  std::size_t escape_index() const { return starts_.size() - 2; }
  Interval interval_of(std::size_t index) const {
    return {starts_[index], starts_[index + 1] - starts_[index]};
  }

  std::uint32_t step_;
  std::int32_t largest_ = 0;
  // First slots of 0, -1, +1, -2, +2, ..., the escape; then 2^16. The likeliest symbols come first,
  // because low slots let the coder's state, and so a short stream, stay small.
  std::vector<std::uint32_t> starts_;
  std::vector<std::uint16_t> index_of_slot_;
};

}  // namespace pie

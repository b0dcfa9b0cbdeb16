// Frequency tables of quantized standard normal values, computed without floating point, so that
// they are the same on every machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/container/rans.h"

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

  // How often k occurs in 2^16 symbols by the table; 0 beyond `largest`.
  std::uint32_t frequency(std::int32_t k) const;
  std::uint32_t escape_frequency() const;

  void encode(RansEncoder& encoder, std::int32_t k) const;

  // Throws DamagedError where an escaped integer does not fit into 32 bits.
  std::int32_t decode(RansDecoder& decoder) const;

  // Bits that the true probability of bin k asks for, and bits that this table spends on it.
  double ideal_bits(std::int32_t k) const;
  double coded_bits(std::int32_t k) const;

 private:
  std::size_t escape_index() const { return starts_.size() - 2; }
  std::uint32_t frequency_of_index(std::size_t index) const {
    return starts_[index + 1] - starts_[index];
  }

  std::uint32_t step_;
  std::int32_t largest_ = 0;
  // First slots of 0, -1, +1, -2, +2, ..., the escape; then 2^16. The likeliest symbols come first,
  // because low slots let the coder's state, and so a short stream, stay small.
  std::vector<std::uint32_t> starts_;
  std::vector<std::uint16_t> index_of_slot_;
};

}  // namespace pie

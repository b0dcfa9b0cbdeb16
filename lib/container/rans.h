// Range asymmetric numeral systems (rANS; Duda, arXiv:1311.2540): an entropy coder for symbols
// whose probabilities are integer fractions of a power of two.
//
// State and byte order are specified in FORMAT.md, "rANS". The coder knows intervals only; which
// symbol owns which interval is the business of a table such as NormalSymbols, and every symbol may
// use another table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/bytes.h"

namespace pie {

// Frequencies usually add up to 2^16.
inline constexpr int kRansBits = 16;

// Collects symbols in the order in which they will be decoded.
class RansEncoder {
 public:
  // A symbol that owns the slots start ... start + freq - 1 of 2^bits. Requires freq >= 1,
  // start + freq <= 2^bits and 1 <= bits <= 16.
  void put(std::uint32_t start, std::uint32_t freq, int bits = kRansBits);

  // The `count` (0 to 32) lowest bits of `value`, at exactly that cost.
  void put_bits(std::uint32_t value, int count);

  // The coded bytes; the encoder is empty afterwards. No symbols, or only symbols of slot 0, cost
  // nothing at all: the state starts at zero and no leading zero byte is stored.
  Bytes finish();

 private:
  struct Step {
    std::uint16_t start;
    std::uint16_t freq_minus_one;
    std::uint8_t bits;
  };
  std::vector<Step> steps_;
};

// Decodes what RansEncoder wrote. Never reads outside the span; garbage decodes to some symbols,
// and `finish` tells.
class RansDecoder {
 public:
  // Throws DamagedError if the first byte is zero, which no encoder writes.
  explicit RansDecoder(ByteSpan bytes);

  // The slot, below 2^bits, of the next symbol; follow with `advance` by the symbol that owns it.
  std::uint32_t slot(int bits = kRansBits) const { return state_ & ((1U << bits) - 1); }
  void advance(std::uint32_t start, std::uint32_t freq, int bits = kRansBits) {
    state_ = freq * (state_ >> bits) + slot(bits) - start;
    refill();
  }

  std::uint32_t get_bits(int count);  // the inverse of put_bits

  // Throws DamagedError unless every byte was used and the state is the encoder's first.
  void finish() const;

 private:
  void refill() {
    while (state_ < kLowest && next_ != end_) state_ = state_ << 8 | *next_++;
  }

  static constexpr std::uint32_t kLowest = 1U << 23;
  friend class RansEncoder;

  const std::uint8_t* next_;
  const std::uint8_t* end_;
  std::uint32_t state_ = 0;
};

}  // namespace pie

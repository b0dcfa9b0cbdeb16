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

// Frequencies of a 32-bit state usually add up to 2^16.
inline constexpr int kRansBits = 16;

// The two coders of FORMAT.md differ in their state: 32 bits for frequencies that add up to at most
// 2^16, 64 bits where a symbol may need a finer probability.
template <typename State>
struct RansTraits;

template <>
struct RansTraits<std::uint32_t> {
  static constexpr int kMostBits = 16;
  static constexpr std::uint32_t kLowest = std::uint32_t{1} << 23;
};

template <>
struct RansTraits<std::uint64_t> {
  static constexpr int kMostBits = 24;
  static constexpr std::uint64_t kLowest = std::uint64_t{1} << 40;
};

// Collects symbols in the order in which they will be decoded.
template <typename State>
class BasicRansEncoder {
 public:
  // A symbol that owns the slots start ... start + freq - 1 of 2^bits. Requires freq >= 1,
  // start + freq <= 2^bits and 1 <= bits <= RansTraits<State>::kMostBits.
  void put(std::uint32_t start, std::uint32_t freq, int bits = kRansBits) {
    steps_.push_back(start | std::uint64_t{freq - 1} << kFreqAt |
                     static_cast<std::uint64_t>(bits) << kBitsAt);
  }

  // Makes room for `more` symbols.
  void reserve(std::size_t more) { steps_.reserve(steps_.size() + more); }

  // The `count` (0 to 32) lowest bits of `value`, at exactly that cost.
  void put_bits(std::uint32_t value, int count);

  std::size_t size() const { return steps_.size(); }  // symbols, and pieces of put_bits

  // The coded bytes; the encoder is empty afterwards. No symbols, or only symbols of slot 0, cost
  // nothing at all: the state starts at zero and no leading zero byte is stored.
  Bytes finish();

  // The coded bytes of `lanes` encoders to which the symbols go in turn.
  std::vector<Bytes> finish(std::size_t lanes);

 private:
  // Of a step: start, freq - 1 and bits, from the lowest bit on.
  static constexpr int kFreqAt = 24, kBitsAt = 48;
  std::vector<std::uint64_t> steps_;
};

// Decodes what the encoder with the same state wrote. Never reads outside the span; garbage decodes
// to some symbols, and `finish` tells.
template <typename State>
class BasicRansDecoder {
 public:
  // Of no bytes: all of its symbols are of slot 0.
  BasicRansDecoder() = default;
  // Throws DamagedError if the first byte is zero, which no encoder writes.
  explicit BasicRansDecoder(ByteSpan bytes);

  // The slot, below 2^bits, of the next symbol; follow with `advance` by the symbol that owns it.
  std::uint32_t slot(int bits = kRansBits) const {
    return static_cast<std::uint32_t>(state_ & ((State{1} << bits) - 1));
  }
  void advance(std::uint32_t start, std::uint32_t freq, int bits = kRansBits) {
    state_ = freq * (state_ >> bits) + slot(bits) - start;
    refill();
  }

  std::uint32_t get_bits(int count);  // the inverse of put_bits

  // Throws DamagedError unless every byte was used and the state is the encoder's first.
  void finish() const;

 private:
  void refill() {
    while (state_ < RansTraits<State>::kLowest && next_ != end_) state_ = state_ << 8 | *next_++;
  }

  const std::uint8_t* next_ = nullptr;
  const std::uint8_t* end_ = nullptr;
  State state_ = 0;
};

using RansEncoder = BasicRansEncoder<std::uint32_t>;
using RansDecoder = BasicRansDecoder<std::uint32_t>;
using FineRansEncoder = BasicRansEncoder<std::uint64_t>;
using FineRansDecoder = BasicRansDecoder<std::uint64_t>;

extern template class BasicRansEncoder<std::uint32_t>;
extern template class BasicRansEncoder<std::uint64_t>;
extern template class BasicRansDecoder<std::uint32_t>;
extern template class BasicRansDecoder<std::uint64_t>;

}  // namespace pie

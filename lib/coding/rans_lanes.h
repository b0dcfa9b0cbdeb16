// Interleaved rANS: the symbols of a large block go to several coders in turn, so that a CPU can
// work on as many symbols at once as there are coders.
//
// The layout is specified in FORMAT.md, "Mode 0: rANS".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/coding/rans.h"

namespace pie {

inline constexpr std::size_t kRansLanes = 8;
// A block of fewer symbols has one lane: it would feel the bytes that more of them cost.
inline constexpr std::size_t kLeastForLanes = 1U << 16;

// Hands over the bytes of all symbols of `encoder`, which is empty afterwards. `samples`: how many
// they stand for, which decides about lanes; some take two symbols.
Bytes finish_lanes(FineRansEncoder& encoder, std::size_t samples);

// Decodes what finish_lanes wrote.
class RansLanesDecoder {
 public:
  // `samples`: as finish_lanes was told. Throws DamagedError unless the bytes begin as an
  // encoder's.
  RansLanesDecoder(ByteSpan bytes, std::size_t samples);

  // How many symbols can be looked at before the first of them is advanced over.
  std::size_t lanes() const { return count_; }

  // The slot of the symbol `ahead` of the next, which is below lanes().
  std::uint32_t slot(std::size_t ahead, int bits) const {
    return lanes_[(next_ + ahead) & (count_ - 1)].slot(bits);
  }
  // Goes over the next symbol.
  void advance(std::uint32_t start, std::uint32_t freq, int bits) {
    lanes_[next_].advance(start, freq, bits);
    next_ = (next_ + 1) & (count_ - 1);
  }

  // Throws DamagedError unless every byte was used and all states are the encoder's first.
  void finish() const;

 private:
  std::array<FineRansDecoder, kRansLanes> lanes_;
  std::size_t count_, next_ = 0;  // count_ is a power of two
};

}  // namespace pie

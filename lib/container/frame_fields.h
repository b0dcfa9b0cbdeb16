// How the fields of a frame's header are packed (FORMAT.md, 3): one place for writer and parser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/coding/coded_block.h"
#include "lib/container/frame_header.h"

namespace pie {

inline constexpr std::size_t kCrcBytes = 4;

// Bits of the flags field.
inline constexpr std::uint64_t kArchiveFlag = 1U << 0;
inline constexpr std::uint64_t kTiledFlag = 1U << 1;
inline constexpr std::uint64_t kLosslessFlag = 1U << 2;
inline constexpr std::uint64_t kMetadataFlag = 1U << 3;
inline constexpr int kChannelsShift = 4;  // two bits: channels - 1
inline constexpr std::uint64_t kSixteenBitFlag = 1U << 6;
inline constexpr std::uint64_t kCutFlag = 1U << 7;
inline constexpr std::uint64_t kKnownFlags = (1U << 8) - 1;

// Keeps sums of lengths far from overflow.
inline constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 56;

// The first field of an entry of the layer table.
struct LengthAndMode {
  std::uint64_t length;
  BlockMode mode;
};

// One integer, which takes one byte up to 63 bytes of rANS and 31 of the other modes.
inline std::uint64_t packed(const LengthAndMode& value) {
  switch (value.mode) {
    case BlockMode::kZstd:
      return value.length << 2 | 1;
    case BlockMode::kRaw:
      return value.length << 2 | 3;
    default:
      return value.length << 1;
  }
}

inline LengthAndMode unpacked(std::uint64_t value) {
  if ((value & 1U) == 0) return {value >> 1, BlockMode::kRans};
  return {value >> 2, (value & 2U) == 0 ? BlockMode::kZstd : BlockMode::kRaw};
}

// Whether a frame of such a model may store so many layers.
inline bool possible_layers(const FrameHeader& header, std::size_t stored) {
  return header.total_layers <= kMaxLayers && stored >= 1 &&
         stored <= static_cast<std::size_t>(header.total_layers);
}

inline std::uint64_t low_bytes(std::uint64_t value, int count) {
  return count == 8 ? value : value & ((std::uint64_t{1} << (8 * count)) - 1);
}

inline std::string damaged_at(std::uint64_t offset) {
  return "damaged at byte " + std::to_string(offset);
}

}  // namespace pie

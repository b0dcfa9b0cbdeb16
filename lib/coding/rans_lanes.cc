#include "lib/coding/rans_lanes.h"

namespace pie {
namespace {

std::size_t lanes_for(std::size_t samples) { return samples < kLeastForLanes ? 1 : kRansLanes; }

}  // namespace

Bytes finish_lanes(FineRansEncoder& encoder, std::size_t samples) {
  const auto lanes = encoder.finish(lanes_for(samples));
  ByteWriter out;
  std::uint64_t last = 0;
  for (std::size_t lane = 0; lane + 1 < lanes.size(); ++lane) {
    // Lanes are about as long as each other. Zigzag: 2d for a difference d >= 0, else -2d - 1.
    const std::uint64_t length = lanes[lane].size();
    out.varint(length >= last ? 2 * (length - last) : 2 * (last - length) - 1);
    last = length;
  }
  for (const auto& bytes : lanes) out.raw(bytes);
  return out.take();
}

RansLanesDecoder::RansLanesDecoder(ByteSpan bytes, std::size_t samples)
    : count_(lanes_for(samples)) {
  ByteReader reader(bytes);
  std::array<std::uint64_t, kRansLanes> lengths{};
  std::uint64_t last = 0;
  for (std::size_t lane = 0; lane + 1 < count_; ++lane) {
    const std::uint64_t difference = reader.varint();
    // A length below zero wraps around, to more bytes than there are.
    last += difference % 2 == 0 ? difference / 2 : ~(difference / 2);
    lengths[lane] = last;
  }
  for (std::size_t lane = 0; lane + 1 < count_; ++lane) {
    lanes_[lane] = FineRansDecoder(reader.raw(lengths[lane]));
  }
  lanes_[count_ - 1] = FineRansDecoder(reader.raw(reader.remaining()));
}

void RansLanesDecoder::finish() const {
  for (const auto& lane : lanes_) lane.finish();
}

}  // namespace pie

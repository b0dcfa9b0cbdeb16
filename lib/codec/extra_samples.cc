#include "lib/codec/extra_samples.h"

#include "lib/coding/coded_block.h"

namespace pie {

void ExtraSamplesWriter::add(const ImageBatch& images, size_t i) {
  const auto high = images.high(i);
  if (shares_.alpha) append_interleaved(one_channel(high, high.shape.channels - 1), samples_);
  if (shares_.low_bytes) append_interleaved(images.low(i), samples_);
}

Chunk ExtraSamplesWriter::chunk() const { return {kExtraSamples, pack_bytes(samples_)}; }

size_t ExtraSamples::bytes_of_image() const {
  return static_cast<size_t>((shares_.alpha ? shape_.pixels() : 0) +
                             (shares_.low_bytes ? shape_.elements() : 0));
}

ExtraSamples::ExtraSamples(const SampleShares& shares, const FrameHeader& header,
                           const std::vector<Chunk>& chunks)
    : shares_(shares), shape_{header.channels, header.height, header.width} {
  if (!shares.any_extra()) return;
  const size_t count = bytes_of_image() * static_cast<size_t>(header.images);
  for (const auto& chunk : chunks) {
    if (chunk.type != kExtraSamples) continue;
    samples_ = unpack_bytes({chunk.data.data(), chunk.data.size()}, count);
    return;
  }
}

void ExtraSamples::complete(Image& image, uint64_t index) const {
  const uint8_t* own = found() ? samples_.data() + index * bytes_of_image() : nullptr;
  const auto high = high_bytes(image);
  const int64_t last = shape_.channels - 1;
  for (int64_t y = 0; shares_.alpha && y < shape_.height; ++y) {
    for (int64_t x = 0; x < shape_.width; ++x) {
      *high.at(last, y, x) = own != nullptr ? *own++ : uint8_t{255};
    }
  }
  if (!shares_.low_bytes) return;
  const auto low = low_bytes(image);
  for (int64_t y = 0; y < shape_.height; ++y) {
    for (int64_t x = 0; x < shape_.width; ++x) {
      for (int64_t c = 0; c < shape_.channels; ++c) {
        *low.at(c, y, x) = own != nullptr ? *own++ : *high.at(c, y, x);
      }
    }
  }
}

}  // namespace pie

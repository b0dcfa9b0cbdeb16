#include "lib/codec/extra_samples.h"

#include <utility>

#include "lib/base/error.h"
#include "lib/coding/layer_coder.h"

namespace pie {

void ExtraSamplesWriter::add(const ImageBatch& images, size_t i) {
  const auto high = images.high(i);
  if (shares_.alpha) append_interleaved(one_channel(high, high.shape.channels - 1), samples_);
  if (shares_.low_bytes) append_interleaved(images.low(i), samples_);
}

Chunk ExtraSamplesWriter::chunk() const {
  std::vector<int32_t> symbols;
  symbols.reserve(samples_.size());
  for (const uint8_t sample : samples_) symbols.push_back(sample - kMiddleSample);
  const auto block = plain_block(symbols.data(), symbols.size());
  Bytes data{static_cast<uint8_t>(block.mode)};
  data.insert(data.end(), block.bytes.begin(), block.bytes.end());
  return {kExtraSamples, std::move(data)};
}

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
    if (chunk.data.empty() || (chunk.data[0] != static_cast<uint8_t>(BlockMode::kZstd) &&
                               chunk.data[0] != static_cast<uint8_t>(BlockMode::kRaw))) {
      throw DamagedError("its extra samples are stored in an impossible way");
    }
    const ByteSpan bytes{chunk.data.data() + 1, chunk.data.size() - 1};
    samples_.reserve(count);
    for (const int32_t symbol :
         decode_plain_symbols(static_cast<BlockMode>(chunk.data[0]), bytes, count)) {
      if (symbol < -kMiddleSample || symbol >= kMiddleSample) {
        throw DamagedError("not a sample of 8 bits");
      }
      samples_.push_back(static_cast<uint8_t>(symbol + kMiddleSample));
    }
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

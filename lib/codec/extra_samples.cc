#include "lib/codec/extra_samples.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/coding/layer_coder.h"

namespace pie {
namespace {

// Bytes that an image has in the chunk.
std::size_t bytes_of_image(const SampleShares& shares, std::size_t pixels, int channels) {
  return pixels *
         ((shares.alpha ? 1U : 0U) + (shares.low_bytes ? static_cast<std::size_t>(channels) : 0U));
}

Image with_low_bytes(const Image& high, const uint8_t* low) {
  Image wide(high.geometry, 16);
  for (std::size_t k = 0; k < high.samples.size(); ++k) {
    wide.samples[2 * k] = high.samples[k];
    wide.samples[2 * k + 1] = low[k];
  }
  return wide;
}

}  // namespace

std::optional<SampleShares> share_samples(int channels, int sample_bits, int model_channels) {
  const bool low_bytes = sample_bits == 16;
  if (channels == model_channels) return SampleShares{channels, false, low_bytes};
  const bool alpha = channels == 2 || channels == 4;
  const int colours = channels - (alpha ? 1 : 0);
  if (colours != model_channels && !(colours == 1 && model_channels == 3)) return std::nullopt;
  return SampleShares{colours, alpha, low_bytes};
}

ImageSet first_channels(const ImageSet& images, int channels) {
  auto geometry = images.geometry();
  if (geometry.channels == channels) return images;
  geometry.channels = channels;
  ImageSet result(geometry, images.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    std::copy_n(images.data(i), geometry.elements(), result.data(i));
  }
  return result;
}

Image whole_image(const ImageSet& high_bytes, size_t i, const Bytes& low_bytes) {
  auto image = high_bytes.image(i);
  if (low_bytes.empty()) return image;
  return with_low_bytes(image, low_bytes.data() + i * image.samples.size());
}

Chunk write_extra_samples(const SampleShares& shares, const ImageSet& images,
                          const Bytes& low_bytes) {
  std::vector<int32_t> symbols;
  const auto add = [&](const uint8_t* samples, std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) symbols.push_back(samples[k] - kMiddleSample);
  };
  const std::size_t pixels = images.geometry().pixels(), each = images.geometry().elements();
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (shares.alpha) add(images.data(i) + each - pixels, pixels);
    if (shares.low_bytes) add(low_bytes.data() + i * each, each);
  }
  const auto block = plain_block(symbols.data(), symbols.size());
  Bytes data{static_cast<uint8_t>(block.mode)};
  data.insert(data.end(), block.bytes.begin(), block.bytes.end());
  return {kExtraSamples, std::move(data)};
}

Bytes read_extra_samples(const StoredFrame& frame, const SampleShares& shares) {
  if (!shares.any_extra()) return {};
  const auto& header = frame.header();
  const std::size_t pixels = std::size_t{header.width} * header.height;
  const std::size_t count = bytes_of_image(shares, pixels, header.channels) * header.images;
  std::vector<std::string> warnings;
  for (const auto& chunk : frame.chunks(&warnings)) {
    if (chunk.type != kExtraSamples) continue;
    if (chunk.data.empty() || (chunk.data[0] != static_cast<uint8_t>(BlockMode::kZstd) &&
                               chunk.data[0] != static_cast<uint8_t>(BlockMode::kRaw))) {
      throw DamagedError("its extra samples are stored in an impossible way");
    }
    const ByteSpan bytes{chunk.data.data() + 1, chunk.data.size() - 1};
    Bytes samples;
    samples.reserve(count);
    for (const int32_t symbol :
         decode_plain_symbols(static_cast<BlockMode>(chunk.data[0]), bytes, count)) {
      if (symbol < -kMiddleSample || symbol >= kMiddleSample) {
        throw DamagedError("not a sample of 8 bits");
      }
      samples.push_back(static_cast<uint8_t>(symbol + kMiddleSample));
    }
    return samples;
  }
  if (!frame.truncated()) throw DamagedError("lacks the samples that its layers do not hold");
  return {};
}

Image join_samples(const SampleShares& shares, const ImageSet& coded, int channels,
                   const Bytes& extra, uint64_t index) {
  auto geometry = coded.geometry();
  geometry.channels = channels;
  const std::size_t pixels = geometry.pixels();
  const uint8_t* own =
      extra.empty() ? nullptr : extra.data() + index * bytes_of_image(shares, pixels, channels);
  ImageSet all(geometry, 1);
  std::copy_n(coded.data(), coded.pixels().size(), all.data());
  if (shares.alpha) {
    auto* alpha = all.data() + geometry.elements() - pixels;
    if (own == nullptr) {
      std::fill_n(alpha, pixels, uint8_t{255});
    } else {
      std::copy_n(own, pixels, alpha);
      own += pixels;
    }
  }
  auto image = all.image(0);
  if (!shares.low_bytes) return image;
  return with_low_bytes(image, own != nullptr ? own : image.samples.data());
}

}  // namespace pie

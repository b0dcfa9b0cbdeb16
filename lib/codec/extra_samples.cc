#include "lib/codec/extra_samples.h"

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/container/layer_coder.h"

namespace pie {
std::size_t SampleShares::extra_bytes(std::size_t pixels, int channels) const {
  return pixels * ((alpha ? 1U : 0U) + (low_bytes ? static_cast<std::size_t>(channels) : 0U));
}

SampleShares share_samples(int channels, int sample_bits, int model_channels) {
  const bool low_bytes = sample_bits == 16;
  if (channels == model_channels) return {channels, false, low_bytes};
  const bool alpha = channels == 2 || channels == 4;
  const int colours = channels - (alpha ? 1 : 0);
  if (colours != model_channels && !(colours == 1 && model_channels == 3)) {
    throw ShapeError("an image of " + std::to_string(channels) +
                     " channel(s) is not for a model of " + std::to_string(model_channels));
  }
  return {colours, alpha, low_bytes};
}

Chunk write_extra_samples(const Bytes& samples) {
  std::vector<int32_t> symbols(samples.begin(), samples.end());
  for (auto& symbol : symbols) symbol -= kMiddleSample;
  auto block = plain_block(symbols.data(), symbols.size());
  Bytes data{static_cast<uint8_t>(block.mode)};
  data.insert(data.end(), block.bytes.begin(), block.bytes.end());
  return {kExtraSamples, std::move(data)};
}

Bytes read_extra_samples(const StoredFrame& frame, std::size_t count) {
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
      if (symbol < -kMiddleSample || symbol >= kMiddleSample)
        throw DamagedError("not a sample of 8 bits");
      samples.push_back(static_cast<uint8_t>(symbol + kMiddleSample));
    }
    return samples;
  }
  if (!frame.truncated()) throw DamagedError("lacks the samples that its layers do not hold");
  return {};
}

}  // namespace pie

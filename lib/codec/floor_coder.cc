#include "lib/codec/floor_coder.h"

#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/image/jxl_code.h"

namespace pie {
namespace {

constexpr int32_t kMiddleByte = 128;

[[noreturn]] void refuse() {
  throw UsageError("without a model there are neither latents nor draws; name a model");
}

// Of an item, whose channels are the bytes of samples, high bytes first.
Image image_of(const ImageSet& items, size_t i, int sample_bits) {
  auto shape = items.shape();
  shape.channels /= sample_bits / 8;
  Image image(shape, sample_bits);
  planar_to_interleaved(items.shape(), items.data(i), image.samples.data());
  return image;
}

void append_symbols(const Bytes& samples, std::vector<int32_t>& symbols) {
  for (const uint8_t sample : samples) symbols.push_back(sample - kMiddleByte);
}

// In mode 0, a block holds the codestream of each item behind its length. Symbols are the bytes of
// the items' samples in reading order.
class FloorCoder final : public ItemCoder {
 public:
  bool exact() const override { return true; }
  int coded_channels(int channels, int sample_bits) const override {
    return channels * (sample_bits / 8);
  }
  Shape item_shape(const Shape& image) const override { return image; }
  std::vector<size_t> symbols_per_item(const Shape& item) const override {
    return {static_cast<size_t>(item.elements())};
  }
  size_t blocks_at_once() const override { return 1; }

  EncodedItems encode(const ImageSet& items, const ItemCoding& how) override {
    ByteWriter codes;
    std::vector<int32_t> symbols;
    symbols.reserve(items.pixels().size());
    for (size_t i = 0; i < items.size(); ++i) {
      const auto image = image_of(items, i, how.sample_bits);
      const auto code = encode_jxl(image, how.effort);
      codes.varint(code.size());
      codes.raw(code);
      append_symbols(image.samples, symbols);
    }
    const double bits = 8.0 * static_cast<double>(codes.size());
    return {{smallest_block(symbols.data(), symbols.size(), codes.take())}, {bits}};
  }

  ImageSet decode(const StoredFrame& frame, uint64_t block, const Shape& item, int) override {
    const auto coded = frame.block(0, block);
    ImageSet items(item, static_cast<size_t>(frame.header().items_in_block(block)));
    const auto each = static_cast<size_t>(item.elements());
    try {
      Bytes samples = coded.mode == BlockMode::kRans
                          ? decode_all(coded.bytes, items, frame.header().sample_bits)
                          : decode_plain(coded, each * items.size());
      std::vector<int32_t> symbols;
      symbols.reserve(samples.size());
      append_symbols(samples, symbols);
      frame.verify_symbols(0, block, symbols);
      for (size_t i = 0; i < items.size(); ++i) {
        interleaved_to_planar(item, samples.data() + i * each, items.data(i));
      }
    } catch (const DamagedError& error) {
      throw frame.disagreement(0, block, error);
    }
    return items;
  }

  torch::Tensor latents(const ImageSet&) override { refuse(); }
  ImageSet from_latents(const torch::Tensor&) override { refuse(); }
  ImageSet draw(size_t, const SamplingOptions&) override { refuse(); }

 private:
  static Bytes decode_all(const Bytes& codes, const ImageSet& items, int sample_bits) {
    auto shape = items.shape();
    shape.channels /= sample_bits / 8;
    Bytes samples;
    ByteReader reader(codes.data(), codes.size());
    for (size_t i = 0; i < items.size(); ++i) {
      const auto code = reader.raw(reader.varint());
      const auto image = decode_jxl(code, shape, sample_bits);
      samples.insert(samples.end(), image.samples.begin(), image.samples.end());
    }
    if (!reader.at_end()) throw DamagedError("bytes behind the last image");
    return samples;
  }

  static Bytes decode_plain(const CodedBlock& coded, size_t count) {
    Bytes samples;
    samples.reserve(count);
    const ByteSpan bytes{coded.bytes.data(), coded.bytes.size()};
    for (const int32_t symbol : decode_plain_symbols(coded.mode, bytes, count)) {
      if (symbol < -kMiddleByte || symbol >= kMiddleByte) throw DamagedError("not a byte");
      samples.push_back(static_cast<uint8_t>(symbol + kMiddleByte));
    }
    return samples;
  }
};

}  // namespace

std::shared_ptr<ItemCoder> make_floor_coder() { return std::make_shared<FloorCoder>(); }

}  // namespace pie

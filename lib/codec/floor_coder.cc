#include "lib/codec/floor_coder.h"

#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/image/jxl_code.h"

namespace pie {
namespace {

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

// A block holds the codestream of each item behind its length. Symbols are the bytes of the items'
// samples in reading order.
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
    Bytes samples;
    samples.reserve(items.pixels().size());
    for (size_t i = 0; i < items.size(); ++i) {
      const auto image = image_of(items, i, how.sample_bits);
      const auto code = encode_jxl(image, how.effort);
      codes.varint(code.size());
      codes.raw(code);
      samples.insert(samples.end(), image.samples.begin(), image.samples.end());
    }
    const double bits = 8.0 * static_cast<double>(codes.size());
    return {{{BlockMode::kRans, codes.take(), byte_symbol_hash(samples)}}, {bits}};
  }

  ImageSet decode(const StoredFrame& frame, uint64_t block, const Shape& item, int) override {
    const auto coded = frame.block(0, block);
    const int sample_bits = frame.header().sample_bits;
    auto shape = item;
    shape.channels /= sample_bits / 8;
    Bytes samples, pixels;
    try {
      if (coded.mode != BlockMode::kRans) throw DamagedError("not by JPEG XL");
      ByteReader reader(coded.bytes.data(), coded.bytes.size());
      for (uint64_t i = 0; i < frame.header().items_in_block(block); ++i) {
        const auto image = decode_jxl(reader.raw(reader.varint()), shape, sample_bits);
        const auto at = pixels.size();
        pixels.resize(at + image.samples.size());
        interleaved_to_planar(item, image.samples.data(), pixels.data() + at);
        samples.insert(samples.end(), image.samples.begin(), image.samples.end());
      }
      if (!reader.at_end()) throw DamagedError("bytes behind the last image");
    } catch (const DamagedError& error) {
      throw frame.disagreement(0, block, error);
    }
    frame.verify_symbols(0, block, byte_symbol_hash(samples));
    return ImageSet(item, std::move(pixels));
  }

  torch::Tensor latents(const ImageSet&) override { refuse(); }
  ImageSet from_latents(const torch::Tensor&) override { refuse(); }
  ImageSet draw(size_t, const SamplingOptions&) override { refuse(); }
};

}  // namespace

std::shared_ptr<ItemCoder> make_floor_coder() { return std::make_shared<FloorCoder>(); }

}  // namespace pie

#include "lib/codec/floor_coder.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/image/jxl_code.h"
#include "lib/image/webp_code.h"
#include "lib/numerics/batches.h"

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

using Search = std::function<Bytes(const Image&)>;

// Which codes of items of that shape are made, for the smallest to be taken. libjxl wants a
// gigabyte for a large one.
std::vector<Search> searches_for(const Shape& image, const ItemCoding& how) {
  constexpr int kThorough = 7;
  constexpr int64_t kSmallGroup = 128, kLarge = int64_t{1} << 23;  // pixels, samples
  const int effort = how.effort;
  std::vector<Search> searches{[=](const Image& i) { return encode_jxl(i, effort); }};
  if (image.elements() > kLarge) return searches;
  if (fits_webp(image, how.sample_bits)) {
    searches.push_back([=](const Image& i) { return encode_webp_code(i, effort); });
  }
  if (effort >= kThorough && std::max(image.height, image.width) > kSmallGroup) {
    for (const auto groups : {JxlGroups::k128, JxlGroups::k256}) {
      searches.push_back([=](const Image& i) { return encode_jxl(i, effort, groups); });
    }
  }
  return searches;
}

Image decode_code(ByteSpan code, const Shape& shape, int sample_bits) {
  return is_webp_code(code) && sample_bits == 8 ? decode_webp_code(code, shape)
                                                : decode_jxl(code, shape, sample_bits);
}

// libwebp (1.2.4) may say that all is well where its memory has ended in the middle of a code.
void require_right(const Bytes& code, const Image& image) {
  bool right = false;
  try {
    right = decode_code({code.data(), code.size()}, image.shape, image.bits) == image;
  } catch (const DamagedError&) {
  }
  if (!right) {
    throw OperationError(
        "what libjxl or libwebp has coded is not the image; is there enough memory?");
  }
}

// The smallest code of each item, decoded and compared.
std::vector<Bytes> codes_of(const ImageSet& items, const ItemCoding& how) {
  if (items.empty()) return {};
  const auto searches = searches_for(image_of(items, 0, how.sample_bits).shape, how);
  const size_t tries = searches.size();
  std::vector<Bytes> codes(items.size() * tries);
  for_each_batch(codes.size(), 1, [&](size_t k, size_t) {
    codes[k] = searches[k % tries](image_of(items, k / tries, how.sample_bits));
  });
  std::vector<Bytes> smallest;
  for (auto first = codes.begin(); first != codes.end();
       first += static_cast<std::ptrdiff_t>(tries)) {
    smallest.push_back(std::move(
        *std::min_element(first, first + static_cast<std::ptrdiff_t>(tries),
                          [](const Bytes& a, const Bytes& b) { return a.size() < b.size(); })));
  }
  for_each_batch(items.size(), 1, [&](size_t i, size_t) {
    require_right(smallest[i], image_of(items, i, how.sample_bits));
  });
  return smallest;
}

// In mode 0, a block holds the code of each item behind its length. Symbols are the bytes of
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
    Bytes samples;
    samples.reserve(items.pixels().size());
    const auto smallest = codes_of(items, how);
    for (size_t i = 0; i < items.size(); ++i) {
      const auto image = image_of(items, i, how.sample_bits);
      codes.varint(smallest[i].size());
      codes.raw(smallest[i]);
      samples.insert(samples.end(), image.samples.begin(), image.samples.end());
    }
    const auto symbols = bytes_to_symbols(samples);
    const double bits = 8.0 * static_cast<double>(codes.size());
    // Patterns that repeat are smaller by zstd.
    return {{smallest_block(symbols.data(), symbols.size(), codes.take())}, {bits}};
  }

  ImageSet decode(const StoredFrame& frame, uint64_t block, const Shape& item, int) override {
    const auto coded = frame.block(0, block);
    const auto count = static_cast<size_t>(frame.header().items_in_block(block));
    const auto each = static_cast<size_t>(item.elements());
    Bytes samples;
    try {
      samples = coded.mode == BlockMode::kRans
                    ? decode_codes(coded.bytes, item, frame.header().sample_bits, count)
                    : decode_plain(coded, count * each);
    } catch (const DamagedError& error) {
      throw frame.disagreement(0, block, error);
    }
    frame.verify_symbols(0, block, byte_symbol_hash(samples));
    ImageSet items(item, count);
    for (size_t i = 0; i < count; ++i) {
      interleaved_to_planar(item, samples.data() + i * each, items.data(i));
    }
    return items;
  }

  torch::Tensor latents(const ImageSet&) override { refuse(); }
  ImageSet from_latents(const torch::Tensor&) override { refuse(); }
  ImageSet draw(size_t, const SamplingOptions&) override { refuse(); }

 private:
  static Bytes decode_codes(const Bytes& codes, const Shape& item, int sample_bits, size_t count) {
    auto shape = item;
    shape.channels /= sample_bits / 8;
    Bytes samples;
    ByteReader reader(codes.data(), codes.size());
    for (size_t i = 0; i < count; ++i) {
      const auto code = reader.raw(reader.varint());
      const auto image = decode_code(code, shape, sample_bits);
      samples.insert(samples.end(), image.samples.begin(), image.samples.end());
    }
    if (!reader.at_end()) throw DamagedError("bytes behind the last image");
    return samples;
  }

  static Bytes decode_plain(const CodedBlock& coded, size_t count) {
    // No encoder gets here with more, and a few bytes can stand for any number.
    if (count > 2 * static_cast<size_t>(kMostJxlSamples)) throw DamagedError("too many samples");
    const ByteSpan bytes{coded.bytes.data(), coded.bytes.size()};
    return symbols_to_bytes(decode_plain_symbols(coded.mode, bytes, count));
  }
};

}  // namespace

std::shared_ptr<ItemCoder> make_floor_coder() { return std::make_shared<FloorCoder>(); }

}  // namespace pie

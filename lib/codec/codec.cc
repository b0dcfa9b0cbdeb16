#include "lib/codec/codec.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/codec/extra_samples.h"
#include "lib/codec/integer_codec.h"
#include "lib/codec/latent_codec.h"
#include "lib/image/tiling.h"
#include "lib/model/pixels.h"
#include "lib/numerics/batches.h"

namespace pie {
namespace {

// A classifier of zero-padded images has latents of which few are of any image.
void require_decoder(const LoadedModel& loaded) {
  if (loaded.model->likelihood() == Likelihood::kNone) {
    throw UsageError("the model " + loaded.name() +
                     " has no density, it only classifies; choose another with -m");
  }
}

std::vector<size_t> symbols_per_item(const LoadedModel& loaded, const Geometry& item) {
  const auto integer = loaded.integer();
  return integer ? integer_symbols_per_item(*integer, item)
                 : latent_symbols_per_item(loaded.latent_model());
}

// How samples are shared out, if the model can code such images: a real-valued one has no extra.
std::optional<SampleShares> shares_for(const LoadedModel& loaded, int channels, int sample_bits) {
  const int model_channels = static_cast<int>(loaded.model->input_shape().channels);
  const auto shares = share_samples(channels, sample_bits, model_channels);
  const bool only_integer = shares && (shares->any_extra() || channels != model_channels);
  if (only_integer && !loaded.integer()) return std::nullopt;
  return shares;
}

// The largest side of a tile where the model takes any size.
constexpr int kTileSide = 256;

// What images are coded as: the model's geometry, or where it takes any size equal tiles, as large
// as they may be.
Geometry item_geometry(const LoadedModel& loaded, const Geometry& image) {
  if (!loaded.model->any_size()) {
    auto item = to_geometry(loaded.model->input_shape());
    item.channels = image.channels;
    return item;
  }
  const auto share = [](int side) {
    const int tiles = (side + kTileSide - 1) / kTileSide;
    return (side + tiles - 1) / tiles;
  };
  return {image.channels, share(image.height), share(image.width)};
}

// XXH3 of the samples of images, in the order of FORMAT.md, 3.3.
class PixelHash {
 public:
  void add(const Image& image) {
    if (image.bits == 8) return hash_.update(image.samples.data(), image.samples.size());
    Bytes swapped = image.samples;
    for (size_t i = 0; i + 1 < swapped.size(); i += 2) std::swap(swapped[i], swapped[i + 1]);
    hash_.update(swapped.data(), swapped.size());
  }
  uint64_t digest() const { return hash_.digest(); }

 private:
  Xxh3 hash_;
};

std::vector<uint64_t> pixel_hashes(const FrameHeader& header, const ImageSet& images,
                                   const Bytes& low_bytes) {
  std::vector<uint64_t> hashes;
  size_t i = 0;
  for (uint64_t group = 0; group < header.pixel_groups(); ++group) {
    PixelHash hash;
    for (uint64_t k = 0; k < header.images_in_pixel_group(group); ++k, ++i) {
      hash.add(whole_image(images, i, low_bytes));
    }
    hashes.push_back(hash.digest());
  }
  return hashes;
}

ImageSet all_tiles(const ImageSet& images, const Geometry& input) {
  if (images.geometry() == input) return images;
  Bytes pixels;
  for (size_t i = 0; i < images.size(); ++i) {
    const auto tiles = cut_tiles(images, i, input.height, input.width);
    pixels.insert(pixels.end(), tiles.pixels().begin(), tiles.pixels().end());
  }
  return {input, std::move(pixels)};
}

// Hands decoded images on. Those of a lossless frame are held back until the hash of their group
// has been checked, which takes all images of the group, in order; of a part of a group the hashes
// of the symbols have to be proof enough.
class PixelCheck {
 public:
  using Use = std::function<void(uint64_t index, const Image& image)>;
  PixelCheck(const StoredFrame& frame, bool complete, const Use& use)
      : frame_(frame), on_(complete && frame.header().lossless()), use_(use) {}

  void add(uint64_t index, Image image) {
    const uint64_t each = frame_.header().images_per_pixel_group();
    if (!on_) return use_(index, image);
    if (!held_.empty() && index != held_.back().first + 1) flush();
    if (held_.empty() && index % each != 0) return use_(index, image);
    held_.emplace_back(index, std::move(image));
    const uint64_t group = held_.front().first / each;
    if (held_.size() < frame_.header().images_in_pixel_group(group)) return;
    PixelHash hash;
    for (const auto& held : held_) hash.add(held.second);
    frame_.verify_pixels(group, hash.digest());
    flush();
  }

  void flush() {
    for (const auto& [index, image] : held_) use_(index, image);
    held_.clear();
  }

 private:
  const StoredFrame& frame_;
  bool on_;
  const Use& use_;
  std::vector<std::pair<uint64_t, Image>> held_;  // from the first image of a group
};

// Decoded blocks in the order in which they are needed, several at a time.
class BlockReader {
 public:
  using Decode = std::function<ImageSet(uint64_t block)>;
  // `order`: every block that will be asked for, in order; `side_by_side`: how many to decode at
  // once.
  BlockReader(std::vector<uint64_t> order, size_t side_by_side, Decode decode)
      : order_(std::move(order)), side_by_side_(side_by_side), decode_(std::move(decode)) {}

  // Valid until the next call.
  const ImageSet& block(uint64_t wanted) {
    if (const auto found = decoded_.find(wanted); found != decoded_.end()) return found->second;
    while (order_[next_] != wanted) ++next_;
    std::vector<uint64_t> wave;
    for (size_t k = next_; k < order_.size() && wave.size() < side_by_side_; ++k) {
      if (std::find(wave.begin(), wave.end(), order_[k]) == wave.end()) wave.push_back(order_[k]);
    }
    std::vector<ImageSet> results(wave.size());
    for_each_batch(wave.size(), 1,
                   [&](size_t begin, size_t) { results[begin] = decode_(wave[begin]); });
    // One of the blocks before stays: an image may lie in two.
    while (decoded_.size() > 1) decoded_.erase(decoded_.begin());
    for (size_t k = 0; k < wave.size(); ++k) decoded_[wave[k]] = std::move(results[k]);
    return decoded_.at(wanted);
  }

 private:
  std::vector<uint64_t> order_;
  size_t side_by_side_;
  Decode decode_;
  size_t next_ = 0;
  std::map<uint64_t, ImageSet> decoded_;
};

}  // namespace

EncodedImages encode_images(const LoadedModel& loaded, const ImageSet& images,
                            const CodingOptions& options) {
  const auto geometry = images.geometry();
  const auto integer = loaded.integer();
  const int sample_bits = options.low_bytes.empty() ? 8 : 16;
  const auto shares = shares_for(loaded, geometry.channels, sample_bits);
  if (!shares) {
    throw ShapeError("the image is " + to_string(geometry) + ", the model " + loaded.name() +
                     " codes images of " + std::to_string(loaded.model->input_shape().channels) +
                     " channel(s); convert the image, or choose another model with -m");
  }
  require_decoder(loaded);
  const auto coded = first_channels(images, shares->coded_channels);
  const auto item = item_geometry(loaded, coded.geometry());
  const auto counts = symbols_per_item(loaded, item);
  const int total_layers = static_cast<int>(counts.size());
  const int layers = options.layers == 0 ? total_layers : options.layers;
  if (layers < 1 || layers > total_layers) {
    throw UsageError("--layers must be from 1 to " + std::to_string(total_layers) +
                     " for the model " + loaded.name());
  }

  Frame frame;
  frame.header.fingerprint = loaded.fingerprint;
  frame.header.archive = options.archive;
  frame.header.images = images.size();
  frame.header.width = static_cast<uint32_t>(geometry.width);
  frame.header.height = static_cast<uint32_t>(geometry.height);
  if (coded.geometry() != item) {
    frame.header.tile_width = static_cast<uint32_t>(item.width);
    frame.header.tile_height = static_cast<uint32_t>(item.height);
  }
  frame.header.channels = geometry.channels;
  frame.header.sample_bits = sample_bits;
  frame.header.step = integer ? 0 : options.step;
  frame.header.total_layers = total_layers;
  if (integer && layers == total_layers) {
    frame.header.pixel_hashes = pixel_hashes(frame.header, images, options.low_bytes);
  }
  if (shares->any_extra()) {
    frame.chunks.push_back(write_extra_samples(*shares, images, options.low_bytes));
  }

  const auto tiles = all_tiles(coded, item);
  EncodedImages result;
  std::vector<double> ideal_bits(static_cast<size_t>(layers));
  if (integer) {
    result.z = coarse_samples(*integer, tiles);
    const auto each = static_cast<size_t>(frame.header.items_per_block());
    std::vector<IntegerBlock> blocks(static_cast<size_t>(frame.header.blocks()));
    for_each_batch(tiles.size(), each, [&](size_t begin, size_t end) {
      blocks[begin / each] = encode_items(*integer, tiles.slice(begin, end), layers);
    });
    frame.layers.resize(static_cast<size_t>(layers));
    for (auto& block : blocks) {
      for (size_t layer = 0; layer < frame.layers.size(); ++layer) {
        frame.layers[layer].push_back(std::move(block.layers[layer]));
        ideal_bits[layer] += block.ideal_bits[layer];
      }
    }
  } else {
    const NormalSymbols table(options.step);
    const auto symbols =
        quantized_latents(loaded.latent_model(), tiles, layers, options.step, result.z);
    for (size_t layer = 0; layer < symbols.size(); ++layer) {
      frame.layers.push_back(encode_layer(symbols[layer], counts[layer], table));
      std::map<int32_t, uint64_t> histogram;
      for (const int32_t k : symbols[layer]) ++histogram[k];
      for (const auto& [k, count] : histogram) {
        ideal_bits[layer] += static_cast<double>(count) * table.ideal_bits(k);
      }
    }
  }
  for (size_t layer = 0; layer < frame.layers.size(); ++layer) {
    LayerReport report;
    report.name = layer_name(static_cast<int>(layer), total_layers);
    report.symbols = tiles.size() * counts[layer];
    for (const auto& block : frame.layers[layer]) {
      report.payload_bytes += block.bytes.size();
      ++(block.mode == BlockMode::kRans ? report.model_blocks : report.plain_blocks);
    }
    report.ideal_bits = ideal_bits[layer];
    result.layers.push_back(report);
  }
  result.frame = write_frame(frame);
  return result;
}

bool decode_images(const LoadedModel& loaded, const StoredFrame& frame, int layers,
                   const std::vector<uint64_t>& indices,
                   const std::function<void(uint64_t index, const Image& image)>& use) {
  const auto integer = loaded.integer();
  const auto& header = frame.header();
  if (header.fingerprint != loaded.fingerprint) {
    throw UnsupportedError("was made by the model with fingerprint " +
                           to_hex(header.fingerprint.data(), header.fingerprint.size()) +
                           ", not by " + loaded.name() + " (" +
                           to_hex(loaded.fingerprint.data(), loaded.fingerprint.size()) + ")");
  }
  const auto contradicts = [&] {
    return DamagedError("its header contradicts the model " + loaded.name());
  };
  const auto shares = shares_for(loaded, header.channels, header.sample_bits);
  if (!shares) throw contradicts();
  const Geometry geometry{shares->coded_channels, static_cast<int>(header.height),
                          static_cast<int>(header.width)};
  auto item = geometry;
  if (header.tiled()) {
    item.height = static_cast<int>(header.tile_height);
    item.width = static_cast<int>(header.tile_width);
  }
  const auto counts = symbols_per_item(loaded, item);
  if (item != item_geometry(loaded, geometry) || (header.step == 0) != (integer != nullptr) ||
      header.total_layers != static_cast<int>(counts.size())) {
    throw contradicts();
  }
  const int used = layers == 0 ? frame.layers() : layers;
  frame.require_layers(used);

  const auto extra = read_extra_samples(frame, *shares);
  const bool lost = shares->any_extra() && extra.empty();

  std::optional<NormalSymbols> table;
  if (!integer) table.emplace(header.step);
  const auto decode_block = [&](uint64_t block) {
    if (integer) return decode_items(*integer, frame, item, used, block);
    std::vector<std::vector<int32_t>> symbols;
    symbols.reserve(static_cast<size_t>(used));
    for (int layer = 0; layer < used; ++layer) {
      symbols.push_back(
          frame.decode_block(layer, block, counts[static_cast<size_t>(layer)], *table));
    }
    return decode_latent_items(loaded.latent_model(), symbols,
                               static_cast<size_t>(header.items_in_block(block)), header.step);
  };
  const uint64_t tiles_per_image = header.tiles_per_image(), each = header.items_per_block();
  std::vector<uint64_t> order;
  for (const uint64_t index : indices) {
    const uint64_t first = index * tiles_per_image / each;
    const uint64_t last = ((index + 1) * tiles_per_image - 1) / each;
    for (uint64_t block = first; block <= last; ++block) {
      if (order.empty() || order.back() != block) order.push_back(block);
    }
  }
  // A real-valued model's block keeps all threads busy by itself.
  const size_t side_by_side = integer ? static_cast<size_t>(at::get_num_threads()) : 1;
  BlockReader blocks(std::move(order), side_by_side, decode_block);
  PixelCheck check(frame, used == header.total_layers && !lost, use);
  for (const uint64_t index : indices) {
    Bytes pixels;
    for (uint64_t t = 0; t < tiles_per_image; ++t) {
      const uint64_t at = index * tiles_per_image + t;
      const auto* data = blocks.block(at / each).data(static_cast<size_t>(at % each));
      pixels.insert(pixels.end(), data, data + item.elements());
    }
    ImageSet image(item, std::move(pixels));
    if (header.tiled()) image = join_tiles(image, geometry);
    check.add(index, join_samples(*shares, image, header.channels, extra, index));
  }
  check.flush();
  return !lost;
}

ImageSet decode_latents(const LoadedModel& loaded, const torch::Tensor& z) {
  require_decoder(loaded);
  const auto integer = loaded.integer();
  const auto input = to_geometry(loaded.model->input_shape());
  const auto d = static_cast<int64_t>(symbols_per_item(loaded, input)[0]);
  if (z.dim() != 2 || z.size(1) != d) {
    throw ShapeError("latents of the model " + loaded.name() + " are [N, " + std::to_string(d) +
                     "], not " + c10::str(z.sizes()));
  }
  if (integer) return from_coarse_samples(*integer, z);
  auto& model = loaded.latent_model();
  const auto shape = model.latent_shape();
  ImageSet images(to_geometry(model.input_shape()), static_cast<size_t>(z.size(0)));
  for_each_batch(images.size(), kLatentBatch, [&](size_t begin, size_t end) {
    const auto part = z.slice(0, static_cast<int64_t>(begin), static_cast<int64_t>(end));
    const auto decoded =
        to_images(model.decode(part.reshape({-1, shape.channels, shape.height, shape.width})));
    std::copy(decoded.pixels().begin(), decoded.pixels().end(), images.data(begin));
  });
  return images;
}

torch::Tensor encode_latents(const LoadedModel& loaded, const ImageSet& images) {
  if (const auto integer = loaded.integer()) return coarse_samples(*integer, images);
  auto& model = loaded.latent_model();
  auto z = torch::empty({static_cast<int64_t>(images.size()), model.latent_shape().elements()});
  for_each_batch(images.size(), kLatentBatch, [&](size_t begin, size_t end) {
    z.slice(0, static_cast<int64_t>(begin), static_cast<int64_t>(end))
        .copy_(model.latents(to_unit(images.slice(begin, end))).z.flatten(1));
  });
  return z;
}

}  // namespace pie

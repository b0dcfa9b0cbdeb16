#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "lib/base/error.h"
#include "lib/codec/codec.h"
#include "lib/codec/extra_samples.h"
#include "lib/codec/item_reader.h"
#include "lib/codec/pixel_hash.h"
#include "lib/container/frame_writer.h"
#include "lib/image/sample_view.h"
#include "lib/model/model_store.h"
#include "lib/numerics/batches.h"

namespace pie {
namespace {

// What a model makes of images of one shape and depth.
struct Plan {
  std::shared_ptr<ItemCoder> coder;
  SampleShares shares;
  Shape item;
};

Plan make_plan(const LoadedModel& loaded, const Shape& image, int bits) {
  auto coder = coder_for(loaded);
  const auto channels = static_cast<int>(image.channels);
  const int coded = coder->coded_channels(channels, bits);
  if (coded == 0) {
    throw ShapeError("the image is " + to_string(image) + " of " + std::to_string(bits) +
                     " bits, the model " + loaded.name() + " codes images of " +
                     std::to_string(loaded.model->input_shape().channels) + " channel(s)" +
                     (coder->exact() ? "" : " of 8 bits") +
                     "; convert the image, or choose another model");
  }
  const auto item = coder->item_shape({coded, image.height, image.width});
  return {std::move(coder), SampleShares(coded, channels, bits), item};
}

// The step that the header keeps.
uint32_t step_for(const LoadedModel& loaded, const ItemCoder& coder, const CodingOptions& options) {
  if (!coder.exact()) return options.step == 0 ? kDefaultStep : options.step;
  if (options.step != 0) {
    throw UsageError("a quantization step is of real-valued models; " + loaded.name() +
                     " codes every bit, or with fewer layers exact coarse samples");
  }
  return 0;
}

FrameHeader make_header(const LoadedModel& loaded, const ImageFeed& images, const Plan& plan,
                        int total_layers, const CodingOptions& options) {
  FrameHeader header;
  header.fingerprint = loaded.fingerprint;
  header.archive = options.archive;
  header.images = images.count;
  header.width = static_cast<uint32_t>(images.shape.width);
  header.height = static_cast<uint32_t>(images.shape.height);
  if (images.shape.height != plan.item.height || images.shape.width != plan.item.width) {
    header.tile_width = static_cast<uint32_t>(plan.item.width);
    header.tile_height = static_cast<uint32_t>(plan.item.height);
  }
  header.channels = static_cast<int>(images.shape.channels);
  header.sample_bits = images.bits;
  header.step = step_for(loaded, *plan.coder, options);
  header.total_layers = total_layers;
  return header;
}

// Adds the hash of each group of images to a frame as soon as its last image has come.
class GroupHashes {
 public:
  explicit GroupHashes(FrameWriter& writer) : writer_(writer) {}

  void add(const ImageBatch& images, size_t i) {
    if (!hash_) hash_ = std::make_unique<PixelHash>();
    std::optional<SampleView> low;
    if (images.bits() == 16) low = images.low(i);
    hash_->add(images.high(i), low);
    if (++count_ < writer_.header().images_in_pixel_group(group_)) return;
    writer_.add_pixel_hash(hash_->digest());
    hash_.reset();
    count_ = 0;
    ++group_;
  }

 private:
  FrameWriter& writer_;
  std::unique_ptr<PixelHash> hash_;
  uint64_t group_ = 0, count_ = 0;
};

// Codes all blocks, as many at once as the coder likes, and reports about them.
void encode_blocks(const Plan& plan, ItemReader& items, const CodingOptions& options,
                   FrameWriter& writer, std::vector<LayerReport>& reports) {
  // Several rounds for each thread, so that those that are done do not wait for long.
  constexpr size_t kRounds = 4;
  const size_t most = plan.coder->blocks_at_once() > 1 ? kRounds * plan.coder->blocks_at_once() : 1;
  const FrameHeader header = writer.header();
  const ItemCoding how{static_cast<int>(reports.size()), header.step, header.sample_bits,
                       options.effort};
  std::mutex one_at_a_time;
  uint64_t done = 0;
  for (uint64_t first = 0; first < header.blocks(); first += most) {
    const auto count = static_cast<size_t>(std::min<uint64_t>(most, header.blocks() - first));
    std::vector<ImageSet> blocks;
    for (size_t k = 0; k < count; ++k) {
      blocks.push_back(items.next(static_cast<size_t>(header.items_in_block(first + k))));
    }
    std::vector<EncodedItems> encoded(count);
    for_each_batch(count, 1, [&](size_t k, size_t) {
      encoded[k] = plan.coder->encode(blocks[k], how);
      const std::lock_guard<std::mutex> lock(one_at_a_time);
      tell(options.progress, static_cast<double>(++done) / static_cast<double>(header.blocks()));
    });
    for (const auto& block : encoded) {
      for (size_t layer = 0; layer < reports.size(); ++layer) {
        auto& report = reports[layer];
        report.payload_bytes += block.layers[layer].bytes.size();
        report.ideal_bits += block.ideal_bits[layer];
        ++(block.layers[layer].mode == BlockMode::kRans ? report.model_blocks
                                                        : report.plain_blocks);
      }
      writer.add(block.layers);
    }
  }
}

EncodingReport encode_frame(const LoadedModel& loaded, const ImageFeed& images,
                            const CodingOptions& options, const Sink& sink) {
  const auto plan = make_plan(loaded, images.shape, images.bits);
  const auto counts = plan.coder->symbols_per_item(plan.item);
  const auto total_layers = static_cast<int>(counts.size());
  const int layers = options.layers == 0 ? total_layers : options.layers;
  if (layers < 1 || layers > total_layers) {
    throw UsageError("the model " + loaded.name() + " has " + std::to_string(total_layers) +
                     " layer(s); " + std::to_string(layers) + " cannot be kept");
  }
  FrameWriter writer(make_header(loaded, images, plan, total_layers, options), layers);
  const bool lossless = plan.coder->exact() && layers == total_layers;
  GroupHashes hashes(writer);
  ExtraSamplesWriter extra(plan.shares);
  ItemReader items(images, plan.item, [&](const ImageBatch& batch, size_t i) {
    if (lossless) hashes.add(batch, i);
    if (plan.shares.any_extra()) extra.add(batch, i);
  });

  EncodingReport result;
  result.floor = loaded.fingerprint == kFloorFingerprint;
  auto& reports = result.layers;
  reports.resize(static_cast<size_t>(layers));
  for (size_t layer = 0; layer < reports.size(); ++layer) {
    reports[layer].name = layer_name(static_cast<int>(layer), total_layers);
    reports[layer].symbols = writer.header().items() * counts[layer];
  }
  encode_blocks(plan, items, options, writer, reports);
  if (plan.shares.any_extra()) writer.add(extra.chunk());
  const auto& members = options.members;
  if (!std::all_of(members.begin(), members.end(),
                   [](const Member& m) { return m.tells_nothing(); })) {
    writer.add(member_chunk(members));
  }
  writer.write(sink);
  return result;
}

// What `encode` hands to the sink that it is given, and its report.
template <typename Encode>
EncodedImages in_memory(const Encode& encode) {
  EncodedImages encoded;
  static_cast<EncodingReport&>(encoded) = encode([&encoded](ByteSpan bytes) {
    encoded.frame.insert(encoded.frame.end(), bytes.data, bytes.data + bytes.size);
  });
  return encoded;
}

// Whether the floor may be the smaller one, to be tried in any case. Colour photographs are never
// as flat as kFlat says.
bool floor_may_win(const ImageBatch& image, bool always) {
  constexpr double kFlat = 0.35;       // of drawings and screenshots, less is rare
  constexpr int64_t kSmall = 1 << 16;  // in pixels: both are done at once
  return always || image.bits() == 16 || image.shape().channels < 3 ||
         image.shape().pixels() <= kSmall || flat_share(image.high(0)) > kFlat;
}

// The middle rows of an image that has more samples than `most`.
Image middle_of(const Image& image, int64_t most) {
  auto shape = image.shape;
  shape.height = std::clamp<int64_t>(most / (shape.width * shape.channels), 1, shape.height);
  Image middle(shape, image.bits);
  const auto skipped = static_cast<size_t>((image.shape.height - shape.height) / 2);
  const auto first =
      image.samples.begin() + static_cast<std::ptrdiff_t>(skipped * image.row_bytes());
  std::copy_n(first, middle.samples.size(), middle.samples.begin());
  return middle;
}

// Whether it may be smaller than `bytes` even so, by what quick searches make of it, or of its
// middle: no thorough one made less than these shares of that where it won (of 28 photographs,
// one).
bool floor_comes_close(const ImageBatch& image, size_t bytes) {
  constexpr std::array<std::pair<int, double>, 2> kSearches{{{1, 1 / 1.2}, {3, 1 / 1.03}}};
  constexpr int64_t kLarge = 1 << 23;  // in samples, for each of which libjxl takes a hundred bytes
  const Image middle = middle_of(image.image(0), kLarge);
  const double share =
      static_cast<double>(middle.shape.elements()) / static_cast<double>(image.shape().elements());
  return std::all_of(kSearches.begin(), kSearches.end(), [&](const auto& search) {
    return search.second * static_cast<double>(encode_jxl(middle, search.first).size()) <
           share * static_cast<double>(bytes);
  });
}

// Of one image.
EncodedImages encode_smallest(const LoadedModel& loaded, const ImageFeed& images,
                              const CodingOptions& options) {
  const auto batch = std::make_shared<ImageBatch>(images.next(1));
  auto again = images;
  again.next = [batch](size_t) { return *batch; };
  const auto by = [&](const LoadedModel& model) {
    return in_memory([&](const Sink& sink) { return encode_frame(model, again, options, sink); });
  };
  auto best = by(loaded);
  if (batch->shape().elements() > kMostJxlSamples) return best;
  try {
    const bool likely = floor_may_win(*batch, options.effort == kMostJxlEffort);
    if (!likely && !floor_comes_close(*batch, best.frame.size())) return best;
    auto floor = by(floor_model());
    if (floor.frame.size() < best.frame.size()) return floor;
  } catch (const OperationError&) {
  } catch (const std::bad_alloc&) {
  }
  return best;  // is there, whatever becomes of the other
}

}  // namespace

EncodingReport encode_images(const LoadedModel& loaded, const ImageFeed& images,
                             const CodingOptions& options, const Sink& sink) {
  if (options.coder == CoderChoice::kFloor) {
    return encode_frame(floor_model(), images, options, sink);
  }
  const bool all = options.layers == 0 && images.count == 1 && !options.archive;
  if (options.coder == CoderChoice::kModel || !all || !coder_for(loaded)->exact()) {
    return encode_frame(loaded, images, options, sink);
  }
  auto encoded = encode_smallest(loaded, images, options);
  sink({encoded.frame.data(), encoded.frame.size()});
  return encoded;
}

EncodedImages encode_images(const LoadedModel& loaded, const ImageFeed& images,
                            const CodingOptions& options) {
  return in_memory([&](const Sink& sink) { return encode_images(loaded, images, options, sink); });
}

torch::Tensor encode_latents(const LoadedModel& loaded, const ImageFeed& images) {
  const auto plan = make_plan(loaded, images.shape, images.bits);
  ItemReader items(images, plan.item, [](const ImageBatch&, size_t) {});
  const Tiling tiling(images.shape, plan.item.height, plan.item.width);
  const uint64_t total = images.count * tiling.count();
  std::vector<torch::Tensor> parts;
  for (uint64_t first = 0; first < total; first += kItemsPerBlock) {
    parts.push_back(plan.coder->latents(
        items.next(static_cast<size_t>(std::min(kItemsPerBlock, total - first)))));
  }
  return torch::cat(parts);
}

ImageSet interpolate(const LoadedModel& loaded, const ImageSet& ends, size_t steps) {
  if (steps < 2 || ends.size() != 2) {
    throw UsageError("an interpolation needs two images and at least 2 steps");
  }
  const auto coder = coder_for(loaded);
  const auto z = coder->latents(ends);
  const auto weight = torch::linspace(0, 1, static_cast<int64_t>(steps)).unsqueeze(1);
  return coder->from_latents(z[0] * (1 - weight) + z[1] * weight);
}

}  // namespace pie

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/codec/codec.h"
#include "lib/codec/extra_samples.h"
#include "lib/codec/pixel_hash.h"
#include "lib/image/tiling.h"
#include "lib/numerics/batches.h"

namespace pie {
namespace {

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
    for (const auto& held : held_) {
      std::optional<SampleView> low;
      if (held.second.bits == 16) low = low_bytes(held.second);
      hash.add(high_bytes(held.second), low);
    }
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
  BlockReader(std::vector<uint64_t> order, size_t side_by_side, Decode decode,
              const ProgressCallback& progress)
      : order_(std::move(order)),
        side_by_side_(side_by_side),
        decode_(std::move(decode)),
        progress_(progress) {}

  // Valid until the next call.
  const ImageSet& block(uint64_t wanted) {
    if (const auto found = decoded_.find(wanted); found != decoded_.end()) return found->second;
    while (order_[next_] != wanted) ++next_;
    tell(progress_, static_cast<double>(next_) / static_cast<double>(order_.size()));
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
  const ProgressCallback& progress_;
  size_t next_ = 0;
  std::map<uint64_t, ImageSet> decoded_;
};

// How a frame stores its images, by the model that made it.
struct Layout {
  SampleShares shares;
  Shape item;
  Tiling tiling;  // of the channels that the layers hold
};

// Throws DamagedError if the header is not one that this model's coder writes.
Layout layout_of(const LoadedModel& loaded, const ItemCoder& coder, const FrameHeader& header) {
  const auto contradiction = [&] {
    return DamagedError("its header contradicts the model " + loaded.name());
  };
  const int coded = coder.coded_channels(header.channels, header.sample_bits);
  if (coded == 0) throw contradiction();
  const Shape image{coded, header.height, header.width};
  Shape item = image;
  if (header.tiled()) {
    item.height = header.tile_height;
    item.width = header.tile_width;
  }
  if (item != coder.item_shape(image) || (header.step == 0) != coder.exact() ||
      header.total_layers != static_cast<int>(coder.symbols_per_item(item).size())) {
    throw contradiction();
  }
  return {SampleShares(coded, header.channels, header.sample_bits), item,
          Tiling(image, item.height, item.width)};
}

// The blocks that hold these images, in order.
std::vector<uint64_t> blocks_of(const FrameHeader& header, const std::vector<uint64_t>& indices) {
  const uint64_t tiles = header.tiles_per_image(), each = header.items_per_block();
  std::vector<uint64_t> order;
  for (const uint64_t index : indices) {
    const uint64_t last = ((index + 1) * tiles - 1) / each;
    for (uint64_t block = index * tiles / each; block <= last; ++block) {
      if (order.empty() || order.back() != block) order.push_back(block);
    }
  }
  return order;
}

}  // namespace

DecodingNotes decode_images(const LoadedModel& loaded, const StoredFrame& frame, int layers,
                            const std::vector<uint64_t>& indices,
                            const std::function<void(uint64_t index, const Image& image)>& use,
                            const ProgressCallback& progress) {
  const auto& header = frame.header();
  if (header.fingerprint != loaded.fingerprint) {
    throw UnsupportedError("was made by the model with fingerprint " +
                           to_hex(header.fingerprint.data(), header.fingerprint.size()) +
                           ", not by " + loaded.name() + " (" +
                           to_hex(loaded.fingerprint.data(), loaded.fingerprint.size()) + ")");
  }
  const auto coder = coder_for(loaded);
  const auto layout = layout_of(loaded, *coder, header);
  const int used = layers == 0 ? frame.layers() : layers;
  frame.require_layers(used);

  DecodingNotes notes;
  const auto chunks = frame.chunks(&notes.warnings);
  if (frame.truncated()) notes.warnings.clear();  // that it is cut is known
  const ExtraSamples extra(layout.shares, header, chunks);
  notes.complete = !layout.shares.any_extra() || extra.found();
  if (!notes.complete && !frame.truncated()) {
    throw DamagedError("lacks the samples that its layers do not hold");
  }

  BlockReader blocks(
      blocks_of(header, indices), coder->blocks_at_once(),
      [&](uint64_t block) { return coder->decode(frame, block, layout.item, used); }, progress);
  PixelCheck check(frame, used == header.total_layers && notes.complete, use);
  const uint64_t tiles = header.tiles_per_image(), each = header.items_per_block();
  for (const uint64_t index : indices) {
    Image image({header.channels, header.height, header.width}, header.sample_bits);
    for (uint64_t t = 0; t < tiles; ++t) {
      const uint64_t at = index * tiles + t;
      layout.tiling.paste(blocks.block(at / each).data(static_cast<size_t>(at % each)),
                          static_cast<size_t>(t),
                          layout.shares.all ? all_bytes(image) : high_bytes(image));
    }
    extra.complete(image, index);
    check.add(index, std::move(image));
  }
  check.flush();
  return notes;
}

}  // namespace pie

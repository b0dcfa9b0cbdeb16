#include "lib/container/frame_header.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/coding/normal_table.h"

namespace pie {
namespace {

// With kMaxFrameSide, keeps every product and sum of header fields far from overflow.
constexpr std::uint64_t kMaxImages = std::uint64_t{1} << 32;

constexpr std::uint64_t kSmallSamples = 4096;

std::uint64_t divide_up(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

// The largest up to `most`; 1 where there is none.
std::uint64_t power_of_two_up_to(std::uint64_t most) {
  std::uint64_t power = 1;
  while (power <= most / 2) power *= 2;
  return power;
}

std::uint64_t samples_per_item(const FrameHeader& header) {
  const std::uint64_t width = header.tiled() ? header.tile_width : header.width;
  const std::uint64_t height = header.tiled() ? header.tile_height : header.height;
  return std::max<std::uint64_t>(1, width * height * static_cast<std::uint64_t>(header.channels));
}

}  // namespace

std::uint64_t FrameHeader::tiles_per_image() const {
  return tiled() ? divide_up(width, tile_width) * divide_up(height, tile_height) : 1;
}

std::uint64_t FrameHeader::items_per_block() const {
  if (step != 0) return kItemsPerBlock;
  constexpr std::uint64_t kSamples = std::uint64_t{1} << 19;
  return std::min(kItemsPerBlock, power_of_two_up_to(kSamples / samples_per_item(*this)));
}

std::uint64_t FrameHeader::blocks() const { return divide_up(items(), items_per_block()); }

std::uint64_t FrameHeader::items_in_block(std::uint64_t block) const {
  return std::min(items_per_block(), items() - block * items_per_block());
}

std::uint64_t FrameHeader::images_per_pixel_group() const {
  return power_of_two_up_to(items_per_block() / tiles_per_image());
}

std::uint64_t FrameHeader::pixel_groups() const {
  return divide_up(images, images_per_pixel_group());
}

std::uint64_t FrameHeader::images_in_pixel_group(std::uint64_t group) const {
  return std::min(images_per_pixel_group(), images - group * images_per_pixel_group());
}

std::string layer_name(int layer, int total_layers) {
  return layer == 0 ? "z" : "r_" + std::to_string(total_layers - layer);
}

int symbol_hash_bytes(const FrameHeader& header, std::uint64_t block) {
  return samples_per_item(header) * header.items_in_block(block) < kSmallSamples ? 1 : 4;
}

int pixel_hash_bytes(const FrameHeader& header, std::uint64_t group) {
  const std::uint64_t samples = std::uint64_t{header.width} * header.height *
                                static_cast<std::uint64_t>(header.channels) *
                                header.images_in_pixel_group(group);
  return samples < kSmallSamples ? 2 : 8;
}

std::string contradiction(const FrameHeader& h) {
  const auto within = [](std::uint64_t value, std::uint64_t low, std::uint64_t high) {
    return value >= low && value <= high;
  };
  if (!within(h.width, 1, kMaxFrameSide) || !within(h.height, 1, kMaxFrameSide))
    return "image size";
  if (h.tile_width != 0 || h.tile_height != 0) {
    if (!within(h.tile_width, 1, kMaxFrameSide) || !within(h.tile_height, 1, kMaxFrameSide)) {
      return "tile size";
    }
  }
  if (!within(h.images, 1, h.archive ? kMaxImages : 1)) return "number of images";
  if (h.channels < 1 || h.channels > 4) return "number of channels";
  if (h.sample_bits != 8 && h.sample_bits != 16) return "sample size";
  if (h.step > kMaxStep) return "quantization step";
  return {};
}

void require_within(const FrameHeader& h, const Limits& limits) {
  std::uint64_t width = h.width;
  std::uint64_t height = h.height;
  if (h.tiled()) {
    width = divide_up(width, h.tile_width) * h.tile_width;
    height = divide_up(height, h.tile_height) * h.tile_height;
  }
  // Sides are at most 2^27 here, so the product cannot overflow; that with the number of images
  // could.
  const std::uint64_t pixels = std::max<std::uint64_t>(1, width * height);
  if (pixels > limits.pixels_per_image || h.images > limits.pixels_per_frame / pixels) {
    throw LimitError(std::to_string(h.images) + (h.images == 1 ? " image" : " images") + " of " +
                     std::to_string(width) + " x " + std::to_string(height) + " pixels" +
                     (h.images == 1 ? " is" : " are") + " above the limit of " +
                     std::to_string(limits.pixels_per_image) + " pixels an image, " +
                     std::to_string(limits.pixels_per_frame) + " in all");
  }
}

}  // namespace pie

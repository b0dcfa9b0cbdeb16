#include "lib/image/tiling.h"

#include <algorithm>

#include "lib/base/error.h"

namespace pie {
namespace {

std::size_t divide_up(std::int64_t a, std::int64_t b) {
  return static_cast<std::size_t>((a + b - 1) / b);
}

}  // namespace

Tiling::Tiling(const Shape& image, std::int64_t tile_height, std::int64_t tile_width)
    : image_(image), tile_{image.channels, tile_height, tile_width} {
  if (image.elements() < 1 || tile_height < 1 || tile_width < 1) {
    throw UsageError("an image of shape " + to_string(image) + " cannot be cut into tiles of " +
                     std::to_string(tile_height) + "x" + std::to_string(tile_width));
  }
  rows_ = divide_up(image.height, tile_height);
  columns_ = divide_up(image.width, tile_width);
}

Tiling::Place Tiling::place(std::size_t index) const {
  const auto top = static_cast<std::int64_t>(index / columns_) * tile_.height;
  const auto left = static_cast<std::int64_t>(index % columns_) * tile_.width;
  return {top, left, std::min(tile_.height, image_.height - top),
          std::min(tile_.width, image_.width - left)};
}

void Tiling::cut(const SampleView& image, std::size_t index, std::uint8_t* tile) const {
  const Place p = place(index);
  for (std::int64_t channel = 0; channel < tile_.channels; ++channel) {
    for (std::int64_t row = 0; row < tile_.height; ++row, tile += tile_.width) {
      const std::uint8_t* from = image.at(channel, p.top + std::min(row, p.height - 1), p.left);
      if (image.column_step == 1) {
        std::copy_n(from, p.width, tile);
      } else {
        for (std::int64_t x = 0; x < p.width; ++x) tile[x] = from[x * image.column_step];
      }
      std::fill(tile + p.width, tile + tile_.width, tile[p.width - 1]);
    }
  }
}

void Tiling::paste(const std::uint8_t* tile, std::size_t index,
                   const MutableSampleView& image) const {
  const Place p = place(index);
  for (std::int64_t channel = 0; channel < tile_.channels; ++channel) {
    for (std::int64_t row = 0; row < tile_.height; ++row, tile += tile_.width) {
      if (row >= p.height) continue;
      std::uint8_t* to = image.at(channel, p.top + row, p.left);
      for (std::int64_t x = 0; x < p.width; ++x) to[x * image.column_step] = tile[x];
    }
  }
}

}  // namespace pie

#include "lib/image/tiling.h"

#include <algorithm>
#include <string>

#include "lib/base/error.h"

namespace pie {
namespace {

std::size_t unsigned_of(int value) { return static_cast<std::size_t>(value); }

std::size_t divide_up(int a, int b) {
  return (unsigned_of(a) + unsigned_of(b) - 1) / unsigned_of(b);
}

}  // namespace

Tiling::Tiling(const Geometry& image, int tile_height, int tile_width)
    : image_(image), tile_{image.channels, tile_height, tile_width} {
  if (image.channels < 1 || image.height < 1 || image.width < 1 || tile_height < 1 ||
      tile_width < 1) {
    throw UsageError("an image of " + to_string(image) + " cannot be cut into tiles of " +
                     to_string(tile_));
  }
  rows_ = divide_up(image.height, tile_height);
  columns_ = divide_up(image.width, tile_width);
}

void Tiling::cut(const std::uint8_t* image, std::size_t index, std::uint8_t* tile) const {
  const std::size_t height = unsigned_of(image_.height);
  const std::size_t width = unsigned_of(image_.width);
  const std::size_t tile_height = unsigned_of(tile_.height);
  const std::size_t tile_width = unsigned_of(tile_.width);
  const std::size_t top = index / columns_ * tile_height;
  const std::size_t left = index % columns_ * tile_width;
  const std::size_t inside = std::min(tile_width, width - left);
  for (std::size_t c = 0; c < unsigned_of(image_.channels); ++c) {
    for (std::size_t y = 0; y < tile_height; ++y) {
      const std::uint8_t* row = image + (c * height + std::min(top + y, height - 1)) * width + left;
      std::uint8_t* to = tile + (c * tile_height + y) * tile_width;
      std::copy_n(row, inside, to);
      std::fill(to + inside, to + tile_width, row[inside - 1]);
    }
  }
}

void Tiling::paste(const std::uint8_t* tile, std::size_t index, std::uint8_t* image) const {
  const std::size_t height = unsigned_of(image_.height);
  const std::size_t width = unsigned_of(image_.width);
  const std::size_t tile_height = unsigned_of(tile_.height);
  const std::size_t tile_width = unsigned_of(tile_.width);
  const std::size_t top = index / columns_ * tile_height;
  const std::size_t left = index % columns_ * tile_width;
  const std::size_t rows_inside = std::min(tile_height, height - top);
  const std::size_t inside = std::min(tile_width, width - left);
  for (std::size_t c = 0; c < unsigned_of(image_.channels); ++c) {
    for (std::size_t y = 0; y < rows_inside; ++y) {
      std::copy_n(tile + (c * tile_height + y) * tile_width, inside,
                  image + (c * height + top + y) * width + left);
    }
  }
}

ImageSet cut_tiles(const ImageSet& images, std::size_t i, int tile_height, int tile_width) {
  const Tiling tiling(images.geometry(), tile_height, tile_width);
  ImageSet tiles(tiling.tile(), tiling.count());
  for (std::size_t t = 0; t < tiling.count(); ++t) tiling.cut(images.data(i), t, tiles.data(t));
  return tiles;
}

ImageSet join_tiles(const ImageSet& tiles, const Geometry& image) {
  const Tiling tiling(image, tiles.geometry().height, tiles.geometry().width);
  if (tiles.geometry() != tiling.tile() || tiles.size() != tiling.count()) {
    throw ShapeError(std::to_string(tiles.size()) + " tiles of " + to_string(tiles.geometry()) +
                     " do not make an image of " + to_string(image) + ", which has " +
                     std::to_string(tiling.count()) + " of " + to_string(tiling.tile()));
  }
  ImageSet joined(image, 1);
  for (std::size_t t = 0; t < tiling.count(); ++t) tiling.paste(tiles.data(t), t, joined.data());
  return joined;
}

}  // namespace pie

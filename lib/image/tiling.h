// Cutting images of any size into tiles of the size a model takes, and joining them again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/image/image.h"

namespace pie {

// The tiles that cover an image: row by row from the top left, each of full size. What a tile has
// beyond the right or the lower edge repeats the image's last column or row, and is ignored when
// tiles are joined.
class Tiling {
 public:
  // Throws UsageError if the image or the tile has no pixels.
  Tiling(const Geometry& image, int tile_height, int tile_width);

  const Geometry& image() const { return image_; }
  const Geometry& tile() const { return tile_; }
  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::size_t count() const { return rows_ * columns_; }

  // Copies tile `index` of the planar `image` to `tile`, also planar, or back. The buffers hold
  // image().samples() and tile().samples() bytes; `index` is below count().
  void cut(const std::uint8_t* image, std::size_t index, std::uint8_t* tile) const;
  void paste(const std::uint8_t* tile, std::size_t index, std::uint8_t* image) const;

 private:
  Geometry image_;
  Geometry tile_;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
};

// All tiles of image `i` of a set.
ImageSet cut_tiles(const ImageSet& images, std::size_t i, int tile_height, int tile_width);

// The one image of geometry `image` that `tiles` were cut from. Throws ShapeError if their number
// or their channels do not fit.
ImageSet join_tiles(const ImageSet& tiles, const Geometry& image);

}  // namespace pie

// Cutting images of any size into tiles of the size a model takes, and joining them again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/image/sample_view.h"

namespace pie {

// The tiles that cover an image: row by row from the top left, each of full size. What a tile has
// beyond the right or the lower edge repeats the image's last column or row, and is ignored when
// tiles are joined.
class Tiling {
 public:
  // Throws UsageError if the image or the tile has no pixels.
  Tiling(const Shape& image, std::int64_t tile_height, std::int64_t tile_width);

  const Shape& image() const { return image_; }
  const Shape& tile() const { return tile_; }
  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::size_t count() const { return rows_ * columns_; }

  // Copies tile `index` of the image to `tile`, which is planar, or back. The view has the image's
  // shape, `tile` room for tile().elements() bytes; `index` is below count().
  void cut(const SampleView& image, std::size_t index, std::uint8_t* tile) const;
  void paste(const std::uint8_t* tile, std::size_t index, const MutableSampleView& image) const;

 private:
  // Where a tile begins, and how much of it lies in the image.
  struct Place {
    std::int64_t top, left, height, width;
  };
  Place place(std::size_t index) const;

  Shape image_;
  Shape tile_;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
};

}  // namespace pie

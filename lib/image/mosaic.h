// Many images side by side in one: samples, reconstructions below originals, interpolations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/image/image.h"

namespace pie {

struct MosaicOptions {
  int zoom = 1;                   // each pixel becomes a square of this side
  int margin = 1;                 // pixels between cells and around them, not zoomed
  std::uint8_t background = 128;  // of margins and empty cells; alpha is opaque there
};

// The images of a set in `columns` columns, row by row, as one 8-bit image; the last row may stay
// incomplete. Throws UsageError if there are no images or columns, the zoom is below 1 or the
// margin below 0, or the result would have a side above 2^20 pixels.
Image mosaic(const ImageSet& images, int columns, const MosaicOptions& options = {});

// Several versions of the same images below each other: a row of the first set, the same row of the
// second, and so on, then the next row. Throws like mosaic, ShapeError unless shape and number
// of all sets agree.
Image stacked_mosaic(const std::vector<const ImageSet*>& versions, int columns,
                     const MosaicOptions& options = {});

// The number of columns of a mosaic of `count` cells that is about as wide as it is high.
int square_columns(std::size_t count);

}  // namespace pie

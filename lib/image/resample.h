// Images in other resolutions.
#pragma once

#include "lib/image/image.h"

namespace pie {

enum class ResampleKernel { kArea, kLanczos };

// An 8-bit image shrunk to `height` x `width`, which are at most its own. Throws ShapeError if they
// are not, UsageError for 16 bits.
Image shrink(const Image& image, std::int64_t height, std::int64_t width, ResampleKernel kernel);

// A linear map of distances from an image's centre, (x, y) to (xx x + xy y, yx x + yy y).
struct LinearMap {
  double xx, xy, yx, yy;
};

// An 8-bit image each pixel of which is what was where `map` takes it: cubic interpolation
// (Catmull-Rom) in doubles; beyond an edge, the edge. Throws UsageError for 16 bits.
Image warp(const Image& image, const LinearMap& map);

// A plane of `height` x `width` levels of which those in every `step`-th row and column are known,
// `known` [ceil(height / step), ceil(width / step)]: cubic interpolation (Catmull-Rom) in integers,
// the same on every machine. `step`: a power of two.
Bytes interpolate_plane(const Bytes& known, std::int64_t step, std::int64_t height,
                        std::int64_t width);

}  // namespace pie

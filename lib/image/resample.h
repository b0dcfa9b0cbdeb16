// What photographs go through before people compress them: for training on pictures of every
// origin.
#pragma once

#include "lib/image/image.h"

namespace pie {

enum class ResampleKernel { kArea, kLanczos };

// An 8-bit image shrunk to `height` x `width`, which are at most its own. Throws ShapeError if they
// are not, UsageError for 16 bits.
Image shrink(const Image& image, std::int64_t height, std::int64_t width, ResampleKernel kernel);

// An 8-bit RGB image as it comes back from 8-bit YCbCr (BT.601, all levels), with chroma of half
// the resolution where `halved`, as on Photo CDs and in video. Throws UsageError for others.
Image through_ycbcr(const Image& image, bool halved);

}  // namespace pie

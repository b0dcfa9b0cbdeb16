// Images as JPEG XL codestreams without loss, through libjxl.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/image/image.h"

namespace pie {

// How hard libjxl searches: 1 to 9, of which 8 and 9 are 7 with all predictors here: at its own 8
// and 9 libjxl 0.7 ends the process on some images, such as one of a single pixel.
inline constexpr int kLeastJxlEffort = 1, kMostJxlEffort = 9, kJxlEffort = 7;

// Sides of the squares that are coded by themselves, in pixels. Of few colours small ones are
// smaller, each with a palette of its own, else mostly large ones; libjxl's own choice is 256.
enum class JxlGroups { k128 = 0, k256 = 1, k1024 = 3 };

// The largest image that is given to libjxl, in samples: it ends the process where memory ends.
inline constexpr std::int64_t kMostJxlSamples = std::int64_t{1} << 26;

// A codestream, in 16 bits in a container, that holds every sample of an image and nothing else.
// Throws OperationError if libjxl cannot make it, or the image is above kMostJxlSamples.
Bytes encode_jxl(const Image& image, int effort, JxlGroups groups = JxlGroups::k1024);

// The image that a codestream holds, which has to be one frame of this shape and depth. Throws
// DamagedError.
Image decode_jxl(ByteSpan code, const Shape& shape, int bits);

}  // namespace pie

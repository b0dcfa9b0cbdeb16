// Images as JPEG XL codestreams without loss, through libjxl.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/image/image.h"

namespace pie {

// How hard libjxl searches: 1 to 9.
inline constexpr int kLeastJxlEffort = 1, kMostJxlEffort = 9, kJxlEffort = 7;

// A codestream that holds every sample of an image and nothing else. Throws OperationError if
// libjxl cannot make it.
Bytes encode_jxl(const Image& image, int effort = kJxlEffort);

// The image that a codestream holds, which has to have this shape and depth: nothing is allocated
// for another. Throws DamagedError.
Image decode_jxl(ByteSpan code, const Shape& shape, int bits);

}  // namespace pie

// Images as WebP files without loss, through libwebp: of few colours, or patterns that repeat,
// often smaller than JPEG XL, and made in a tenth of its time.
#pragma once

#include "lib/base/bytes.h"
#include "lib/image/image.h"

namespace pie {

// Whether WebP can hold images of that shape and depth: 8 bits, at most 16383 pixels a side.
bool fits_webp(const Shape& shape, int bits);

// A WebP file that holds every sample of an image that fits, and nothing else. `effort`: how hard
// to search, 1 to 9. Throws OperationError if libwebp cannot make it.
Bytes encode_webp_code(const Image& image, int effort);

// Whether a code is a WebP file, by its first bytes.
bool is_webp_code(ByteSpan code);

// The 8-bit image that a file holds, which has to be of this shape and without loss. Throws
// DamagedError.
Image decode_webp_code(ByteSpan code, const Shape& shape);

}  // namespace pie

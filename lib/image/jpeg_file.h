// JPEG files through libjpeg-turbo.
#pragma once

#include <cstdint>

#include "lib/image/image_file.h"

namespace pie {

bool is_jpeg(const FileView& file);

// The header of a JPEG file from its beginning. Throws TruncatedError if that is not enough of it,
// DamagedError if it is corrupt or too large, UnsupportedError if it is of a kind that cannot be
// kept: neither gray nor RGB (CMYK), not of 8 bits, lossless.
ImageHeader probe_jpeg(const FileView& file, std::uint64_t max_pixels);

// A whole JPEG file, gray or RGB, 8 bits deep, with the samples that djpeg gives. Unlike djpeg it
// guesses nothing where data is missing or corrupt. Throws like probe_jpeg.
ImageFile decode_jpeg(const FileView& file, std::uint64_t max_pixels);

// A JPEG file of `quality` 1 to 100, the chroma of RGB halved up to 90. Throws UsageError unless
// the image is gray or RGB of 8 bits and of at most 65,500 pixels a side.
Bytes encode_jpeg(const Image& image, int quality);

}  // namespace pie

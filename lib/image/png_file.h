// PNG files through libpng, which checks every checksum, keeps 16 bits and knows the colour chunks.
#pragma once

#include <cstdint>

#include "lib/image/image_file.h"

namespace pie {

bool is_png(const FileView& file);

// The header of a PNG file from its beginning. Throws TruncatedError if that is not enough of it,
// DamagedError if it is corrupt or too large.
ImageHeader probe_png(const FileView& file, std::uint64_t max_pixels);

// A whole PNG file: gray, gray + alpha, RGB or RGBA with 8 or 16 bits. A palette becomes the
// colours it names, transparent entries an alpha channel, fewer than 8 bits are scaled to 8. Throws
// TruncatedError, DamagedError.
ImageFile decode_png(const FileView& file, std::uint64_t max_pixels);

// A PNG file of any image and its metadata.
Bytes encode_png(const Image& image, const Metadata& metadata = {});
inline bool png_keeps(const MetadataItem&) { return true; }

}  // namespace pie

// BMP files.
#pragma once

#include <cstdint>

#include "lib/image/image_file.h"

namespace pie {

bool is_bmp(const FileView& file);

// The header of a BMP file from its beginning. Throws TruncatedError if that is not enough of it,
// DamagedError if it is corrupt or too large, UnsupportedError if it is compressed, has more than 8
// bits a sample, or is of a rare kind (OS/2, pixels that lie behind a gap).
ImageHeader probe_bmp(const FileView& file, std::uint64_t max_pixels);

// A whole BMP file: RGB or RGBA, gray where its palette has grays only. Fewer than 8 bits a sample
// are scaled to 8. Throws like probe_bmp.
ImageFile decode_bmp(const FileView& file, std::uint64_t max_pixels);

}  // namespace pie

// BMP files of Windows and OS/2.
#pragma once

#include <cstdint>

#include "lib/image/image_file.h"

namespace pie {

bool is_bmp(const FileView& file);

// The header of a BMP file from its beginning. Throws TruncatedError if that is not enough of it,
// DamagedError if it is corrupt or too large, UnsupportedError if it is not of pixels but of JPEG,
// PNG or fax data, or has more than 8 bits a sample.
ImageHeader probe_bmp(const FileView& file, std::uint64_t max_pixels);

// A whole BMP file: RGB or RGBA, gray where its palette has grays only, with its ICC profile and
// its density. Fewer than 8 bits a sample are scaled to 8. Throws like probe_bmp, UnsupportedError
// if run lengths leave out pixels.
ImageFile decode_bmp(const FileView& file, std::uint64_t max_pixels);

}  // namespace pie

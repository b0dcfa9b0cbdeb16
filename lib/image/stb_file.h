// BMP, TGA, PSD and GIF files through stb_image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/image/image_file.h"

namespace pie {

// The header of such a file from its beginning. Throws TruncatedError if that is not enough of it,
// DamagedError if the data is none of these formats, corrupt or too large, UnsupportedError if
// reading it would reduce it (a PSD file with 16 bits or more than four channels).
ImageHeader probe_stb(const std::uint8_t* data, std::size_t size, const std::string& name,
                      std::uint64_t max_pixels);

// A whole such file, always 8 bits deep; throws like probe_stb. Of an animated GIF, the first
// frame.
ImageFile decode_stb(const std::uint8_t* data, std::size_t size, const std::string& name,
                     std::uint64_t max_pixels);

}  // namespace pie

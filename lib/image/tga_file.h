// TGA files.
#pragma once

#include <cstdint>

#include "lib/image/image_file.h"

namespace pie {

// True if the file begins with what a TGA header may hold: these files have no magic bytes.
bool is_tga(const FileView& file);

// The header of a TGA file. Throws TruncatedError if it is not all there, DamagedError if it claims
// to be too large, UnsupportedError if its rows are interleaved or run from right to left, or its
// palette begins with another colour than 0.
ImageHeader probe_tga(const FileView& file, std::uint64_t max_pixels);

// A whole TGA file: gray, gray + alpha, RGB or RGBA. A palette becomes the colours it names, 5 bits
// a sample are scaled to 8. Throws like probe_tga, DamagedError also if the pixels are corrupt.
ImageFile decode_tga(const FileView& file, std::uint64_t max_pixels);

}  // namespace pie

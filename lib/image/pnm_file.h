// Binary PGM and PPM files, with 8 and 16 bits.
#pragma once

#include <cstdint>

#include "lib/image/image_file.h"

namespace pie {

// Gray, P5, and RGB, P6.
bool is_pgm(const FileView& file);
bool is_ppm(const FileView& file);

// The header of a PGM or PPM file from its beginning. Throws TruncatedError if that is not enough
// of it, DamagedError if it is corrupt or too large, UnsupportedError if its largest value is
// neither 255 nor 65535 (scaling to full range would change the samples).
ImageHeader probe_pnm(const FileView& file, std::uint64_t max_pixels);

// The first image of a PGM or PPM file; throws like probe_pnm. Further images of the same file are
// mentioned as dropped.
ImageFile decode_pnm(const FileView& file, std::uint64_t max_pixels);

// A PGM file of an image with one channel, a PPM file of one with three.
Bytes encode_pnm(const Image& image);

}  // namespace pie

// Binary PGM and PPM files, with 8 and 16 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/image/image_file.h"

namespace pie {

// True for the binary kinds, P5 (gray) and P6 (RGB).
bool is_pnm(const std::uint8_t* data, std::size_t size);

// The header of a PGM or PPM file from its beginning. Throws TruncatedError if that is not enough
// of it, DamagedError if it is corrupt or too large, UnsupportedError if its largest value is
// neither 255 nor 65535 (scaling to full range would change the samples).
ImageHeader probe_pnm(const std::uint8_t* data, std::size_t size, const std::string& name,
                      std::uint64_t max_pixels);

// The first image of a PGM or PPM file; throws like probe_pnm. Further images of the same file are
// mentioned as dropped.
ImageFile decode_pnm(const std::uint8_t* data, std::size_t size, const std::string& name,
                     std::uint64_t max_pixels);

// A PGM (gray) or PPM (RGB) file. Throws UsageError if the image has an alpha channel.
Bytes encode_pnm(const Image& image);

}  // namespace pie

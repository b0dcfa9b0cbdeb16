// PBM, PGM and PPM files, binary and text, with any largest sample.
#pragma once

#include <cstdint>

#include "lib/image/image_file.h"

namespace pie {

// Black and white, P4 and P1; gray, P5 and P2; RGB, P6 and P3.
bool is_pbm(const FileView& file);
bool is_pgm(const FileView& file);
bool is_ppm(const FileView& file);

// The header of such a file from its beginning. Throws TruncatedError if that is not enough of it,
// DamagedError if it is corrupt or too large.
ImageHeader probe_pnm(const FileView& file, std::uint64_t max_pixels);

// The first image of such a file, black and white as gray; throws like probe_pnm. Further images of
// the same file are mentioned as dropped.
ImageFile decode_pnm(const FileView& file, std::uint64_t max_pixels);

// A binary PGM file of an image with one channel, a PPM file of one with three; with the largest
// sample that `metadata` tells.
Bytes encode_pnm(const Image& image, const Metadata& metadata = {});

// Whether all samples are black or white, and a binary PBM file of such an image.
bool is_bilevel(const Image& image);
Bytes encode_pbm(const Image& image, const Metadata& metadata = {});

}  // namespace pie

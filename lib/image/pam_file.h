// PAM files, the Netpbm format that has alpha, with any largest sample.
#pragma once

#include <cstdint>

#include "lib/image/image_file.h"

namespace pie {

bool is_pam(const FileView& file);

// The header of a PAM file from its beginning. Throws TruncatedError if that is not enough of it,
// DamagedError if it is corrupt or too large, UnsupportedError if its tuples are something else
// than gray or RGB with or without alpha.
ImageHeader probe_pam(const FileView& file, std::uint64_t max_pixels);

// The first image of a PAM file; throws like probe_pam. Further images of the same file are
// mentioned as dropped.
ImageFile decode_pam(const FileView& file, std::uint64_t max_pixels);

// A PAM file of any image, with the largest sample that `metadata` tells.
Bytes encode_pam(const Image& image, const Metadata& metadata = {});

}  // namespace pie

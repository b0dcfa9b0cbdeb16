// PSD files: the flattened image that they hold beside their layers.
#pragma once

#include <cstdint>

#include "lib/image/image_file.h"

namespace pie {

bool is_psd(const FileView& file);

// The header of a PSD file from its beginning. Throws TruncatedError if that is not enough of it,
// DamagedError if it claims to be too large, UnsupportedError unless it is RGB of 8 bits without
// alpha.
ImageHeader probe_psd(const FileView& file, std::uint64_t max_pixels);

// A whole PSD file. Throws like probe_psd, DamagedError also if the pixels are corrupt,
// UnsupportedError for zip compression.
ImageFile decode_psd(const FileView& file, std::uint64_t max_pixels);

}  // namespace pie

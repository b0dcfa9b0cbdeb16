// WebP files through libwebp.
#pragma once

#include <cstdint>

#include "lib/image/image_file.h"

namespace pie {

bool is_webp(const FileView& file);

// Throws TruncatedError, DamagedError; UnsupportedError for animations.
ImageHeader probe_webp(const FileView& file, std::uint64_t max_pixels);

// The pixels that libwebp decodes, RGB or RGBA, with ICC profile, Exif and XMP. Throws like
// probe_webp.
ImageFile decode_webp(const FileView& file, std::uint64_t max_pixels);

}  // namespace pie

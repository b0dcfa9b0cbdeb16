// GIF files through giflib.
#pragma once

#include <cstdint>

#include "lib/image/image_file.h"

namespace pie {

bool is_gif(const FileView& file);

// The header of a GIF file. Whether there is transparency shows only in the pixels: throws like
// decode_gif.
ImageHeader probe_gif(const FileView& file, std::uint64_t max_pixels);

// The first frame of a GIF file on its canvas: RGB, or RGBA where a pixel is transparent. What the
// frame leaves uncovered is transparent if the frame has a transparent colour, else it has the
// file's background colour; where it has none, it is transparent too. Throws TruncatedError,
// DamagedError.
ImageFile decode_gif(const FileView& file, std::uint64_t max_pixels);

}  // namespace pie

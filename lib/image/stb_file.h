// TGA and PSD files by stb_image. It makes up what a file lacks and takes some fields for
// others: the readers of these formats let through what it will read as it is meant, and it alone.
#pragma once

#include <optional>

#include "lib/image/image_file.h"

namespace pie {

// The shape that the header claims; nothing if it is of none of these formats.
std::optional<Shape> shape_by_stb(const FileView& file);

// The pixels, 8 bits a sample. Throws DamagedError if stb_image refuses the file or sees another
// size than that of `shape` in it, UnsupportedError if the file is too large for it.
Image decode_by_stb(const FileView& file, const Shape& shape);

}  // namespace pie

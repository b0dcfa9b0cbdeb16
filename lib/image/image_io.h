// Reading and writing image files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/input.h"
#include "lib/image/image_file.h"

namespace pie {

// Reads an image file: PNG, binary PGM and PPM, JPEG, BMP, TGA, PSD or GIF (first
// frame), told apart by content. Channels and depth are the file's own: nothing is reduced, scaled
// or rotated. Dimensions are checked before pixels are allocated. Throws OperationError if the file
// cannot be read, TruncatedError or DamagedError if its content is not a whole, sound image of at
// most `max_pixels` pixels, UnsupportedError if it is an image that cannot be kept exactly.
ImageFile read_image(const Input& input, std::uint64_t max_pixels = kMaxPixels);
inline ImageFile read_image(const std::string& path) { return read_image(Input(path)); }

// The same from memory; `name` stands for the file in messages.
ImageFile decode_image(const Bytes& file, const std::string& name,
                       std::uint64_t max_pixels = kMaxPixels);

// Shape and depth of an image file, from its beginning only where that suffices. Throws like
// read_image; damage further on goes unnoticed.
ImageHeader probe_image(const Input& input, std::uint64_t max_pixels = kMaxPixels);

// True if the suffix of `path` is that of an image format read_image knows; letter case does not
// matter.
bool has_image_suffix(const std::string& path);

// The formats that can be written; all of them keep every sample.
enum class ImageFormat { kPng, kPgm, kPpm };

// The format called "png", "pgm" or "ppm", or for `path` that of its suffix; nothing if there is no
// such format. "pnm" is the one of PGM and PPM that fits `channels`.
std::optional<ImageFormat> image_format(const std::string& name, int channels);
std::optional<ImageFormat> image_format_of_path(const std::string& path, int channels);

// A whole file in memory. Throws UsageError if the format cannot hold the image's channels.
Bytes encode_image(const Image& image, ImageFormat format);

// Writes a whole file ("-" is stdout) that appears only when complete. Throws OperationError if it
// exists and `overwrite` is false, or cannot be written; UsageError like encode_image.
void write_image(const std::string& path, const Image& image, ImageFormat format, bool overwrite);

}  // namespace pie

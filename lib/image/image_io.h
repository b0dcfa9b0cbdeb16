// Reading and writing image files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/input.h"
#include "lib/image/image_file.h"

namespace pie {

// Reads an image file of any format in the table of image_format.h, told by content.
// Channels and depth are the file's own: nothing is reduced or rotated, and samples of fewer than 8
// bits are the only ones scaled. Dimensions are checked before pixels are allocated. Throws
// OperationError if the file cannot be read, TruncatedError or DamagedError if its content is not a
// whole, sound image of at most `max_pixels` pixels, UnsupportedError if it is an image that cannot
// be kept exactly.
ImageFile read_image(const Input& input, std::uint64_t max_pixels = kMaxPixels);
inline ImageFile read_image(const std::string& path) { return read_image(Input(path)); }

// The same from memory; `name` stands for the file in messages.
ImageFile decode_image(const Bytes& file, const std::string& name,
                       std::uint64_t max_pixels = kMaxPixels);

// Shape and depth of an image file, from its beginning only where that suffices. Throws like
// read_image; damage further on goes unnoticed.
ImageHeader probe_image(const Input& input, std::uint64_t max_pixels = kMaxPixels);

// What follows the last dot of a file's name, in lower case; empty if there is none.
std::string suffix_of(const std::string& path);

// True if the suffix of `path` is that of an image format read_image knows.
bool has_image_suffix(const std::string& path);

// The names of the formats that can be read, for messages: "PNG, PGM, ...".
std::string readable_format_names();

// The names of the formats that can be written, which are their suffixes: "png", "pgm", "pnm", ...;
// the second form is for messages.
std::vector<std::string> writable_formats();
std::string writable_format_names();
bool is_writable_format(const std::string& name);

// Whether there is a format of this name that keeps every sample of the image.
bool can_encode(const Image& image, const std::string& format_name);

// Whether the file that encode_image makes has all of the metadata.
bool keeps_metadata(const Image& image, const std::string& format_name, const Metadata& metadata);

// A whole file in memory that keeps every sample; of the formats that share a name, as PGM and PPM
// share "pnm", the one that fits. Throws UsageError if there is none of this name that can hold the
// image's channels and bits, and says which can. Metadata is left out where the format has none.
Bytes encode_image(const Image& image, const std::string& format_name,
                   const Metadata& metadata = {});

}  // namespace pie

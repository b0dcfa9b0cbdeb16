// TIFF files through libtiff: black and white, gray, RGB and palettes, with 1 to 16 bits. Written
// are 8 and 16.
#pragma once

#include <cstdint>

#include "lib/image/image_file.h"

namespace pie {

bool is_tiff(const FileView& file);

// Shape and depth of the first page. Throws TruncatedError, DamagedError, and UnsupportedError
// where samples are not what an Image can hold: floating point, signed, CMYK, premultiplied alpha,
// ...
ImageHeader probe_tiff(const FileView& file, std::uint64_t max_pixels);

// The first page of a TIFF file, a palette as the colours that it stands for, with its ICC profile,
// XMP, density, and an Exif block of its words, its orientation and what cameras and GPS wrote.
// Throws like probe_tiff.
ImageFile decode_tiff(const FileView& file, std::uint64_t max_pixels);

// A TIFF file of any image, compressed by Deflate, and whether an item of metadata is in it as
// decode_tiff would give it.
Bytes encode_tiff(const Image& image, const Metadata& metadata = {});
bool tiff_keeps(const MetadataItem& item);

}  // namespace pie

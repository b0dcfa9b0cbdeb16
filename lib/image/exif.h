// Exif: what cameras write, as tags in directories. A block of it is a small TIFF file, and TIFF
// files have the same tags among their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/image/image_file.h"

namespace pie {

struct ExifTag {
  std::uint16_t id = 0;
  std::uint16_t type = 0;  // of its values, as TIFF counts them
  std::uint32_t count = 0;
  Bytes value;                 // in the byte order of the file; empty where the tag
  std::vector<ExifTag> below;  // stands for a directory of its own
};

struct Exif {
  bool big_endian = false;
  std::vector<ExifTag> tags;
};

// The tags of the first directory of a TIFF file or an Exif block which say something of an image
// whatever file it is in: texts, orientation, and all that cameras and GPS wrote. Throws
// TruncatedError or DamagedError.
Exif read_exif(const FileView& file);

// The directory as bytes that stand at offset `at` of a file in its byte order, and an Exif block
// of it.
Bytes exif_directory(const Exif& exif, std::size_t at);
Bytes exif_block(const Exif& exif);

}  // namespace pie

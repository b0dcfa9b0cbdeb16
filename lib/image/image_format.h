// The image formats: one table, which everything asks that reads, writes or names one. A format
// that is added needs a line there and two files of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/image/image_file.h"

namespace pie {

struct ImageFormat {
  const char* name;                   // in messages
  std::vector<std::string> suffixes;  // in lower case; shared where a suffix means several formats

  // True if the file begins as one of this format does.
  bool (*is)(const FileView& file);
  // See probe_image and decode_image, which call them with files of this format.
  ImageHeader (*probe)(const FileView& file, std::uint64_t max_pixels);
  ImageFile (*decode)(const FileView& file, std::uint64_t max_pixels);

  // A whole file in memory, of an image with one of these numbers of channels and at most so many
  // bits a sample, all of which it keeps. Null if the format is only read.
  Bytes (*encode)(const Image& image, const Metadata& metadata) = nullptr;
  std::vector<int> channels = {};
  int most_bits = 0;
  bool (*keeps)(const MetadataItem& item) = nullptr;  // which metadata; null: none
  bool (*suits)(const Image& image) = nullptr;  // what else it asks of an image; null: nothing

  bool can_hold(const Image& image) const;
};

// In the order in which a file is tried.
const std::vector<ImageFormat>& image_formats();

}  // namespace pie

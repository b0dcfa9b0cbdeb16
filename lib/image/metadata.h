// What image files say besides samples - colours, orientation, text - as the chunks in which PNG
// says it. A PNG file's own go through unchanged; those of other formats are made of what they
// hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/bytes.h"

namespace pie {

struct MetadataItem {
  std::string type;  // a PNG chunk that is not critical: four letters, the first in lower case
  Bytes data;
};
using Metadata = std::vector<MetadataItem>;

// What is kept of one file, in bytes, at most: colour profiles take kilobytes.
inline constexpr std::size_t kMostMetadata = std::size_t{1} << 24;
std::size_t metadata_bytes(const MetadataItem& item);  // with its type and length

// Whether `type` is one that a MetadataItem may have, in a file that any PNG reader takes: not one
// that has to do with how the samples are stored, such as the transparency of a palette or the
// frames of an animation.
bool is_metadata_type(const std::string& type);

// An item each of an ICC profile, of an Exif block (from its "II" or "MM" on), of XMP, of a comment
// (UTF-8, or else taken for Latin-1), and of pixels per metre (`per_metre` false: only the ratio of
// the sides is meant).
MetadataItem icc_profile_item(const Bytes& profile);
MetadataItem exif_item(Bytes exif);
MetadataItem xmp_item(const Bytes& packet);
MetadataItem comment_item(Bytes text);
// The class of an image in a set, which its data set gives it: a private chunk.
MetadataItem label_item(std::uint8_t label);
MetadataItem density_item(std::uint32_t x, std::uint32_t y, bool per_metre);

// The other way round, for formats that are written; nothing where an item is something else, is
// damaged or too large.
std::optional<Bytes> icc_profile_of(const MetadataItem& item);
std::optional<Bytes> xmp_of(const MetadataItem& item);
std::optional<Bytes> comment_of(const MetadataItem& item);
std::optional<std::uint8_t> label_of(const Metadata& metadata);
struct Density {
  std::uint32_t x, y;
  bool per_metre;
};
std::optional<Density> density_of(const MetadataItem& item);

}  // namespace pie

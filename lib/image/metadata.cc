#include "lib/image/metadata.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

namespace pie {
namespace {

void append(Bytes& to, const std::string& text) { to.insert(to.end(), text.begin(), text.end()); }

void append_big32(Bytes& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    to.push_back(static_cast<std::uint8_t>(value >> shift));
}

// Uncompressed international text, of no language.
MetadataItem text_item(const std::string& keyword, const Bytes& text) {
  MetadataItem item{"iTXt", {}};
  append(item.data, keyword);
  item.data.insert(item.data.end(), 5,
                   0);  // end, not compressed, method, no language, no translation
  item.data.insert(item.data.end(), text.begin(), text.end());
  return item;
}

}  // namespace

bool is_metadata_type(const std::string& type) {
  // Of the image that was stored, of animations, and of a palette.
  constexpr std::array<const char*, 6> kOthers{"tRNS", "hIST", "acTL", "fcTL", "fdAT", "dSIG"};
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return type.size() == 4 && std::all_of(type.begin(), type.end(), is_letter) && type[0] >= 'a' &&
         std::find(kOthers.begin(), kOthers.end(), type) == kOthers.end();
}

std::size_t metadata_bytes(const Metadata& metadata) {
  constexpr std::size_t kEach = 16;  // for type and length
  std::size_t sum = 0;
  for (const MetadataItem& item : metadata) sum += kEach + item.data.size();
  return sum;
}

MetadataItem icc_profile_item(const Bytes& profile) {
  MetadataItem item{"iCCP", {}};
  append(item.data, "ICC profile");
  item.data.insert(item.data.end(), 2, 0);  // the name's end, the method of compression
  const std::size_t start = item.data.size();
  uLongf size = compressBound(static_cast<uLong>(profile.size()));
  item.data.resize(start + size);
  if (compress2(item.data.data() + start, &size, profile.data(), static_cast<uLong>(profile.size()),
                Z_BEST_COMPRESSION) != Z_OK) {
    throw std::bad_alloc();
  }
  item.data.resize(start + size);
  return item;
}

MetadataItem exif_item(Bytes exif) { return {"eXIf", std::move(exif)}; }

MetadataItem xmp_item(const Bytes& packet) { return text_item("XML:com.adobe.xmp", packet); }

MetadataItem comment_item(const Bytes& text) { return text_item("Comment", text); }

MetadataItem density_item(std::uint32_t x, std::uint32_t y, bool per_metre) {
  MetadataItem item{"pHYs", {}};
  append_big32(item.data, x);
  append_big32(item.data, y);
  item.data.push_back(per_metre ? 1 : 0);
  return item;
}

}  // namespace pie

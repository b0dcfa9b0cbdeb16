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

bool is_utf8(const Bytes& text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::uint8_t first = text[i++];
    const int more = first < 0x80   ? 0
                     : first < 0xC2 ? -1
                     : first < 0xE0 ? 1
                     : first < 0xF0 ? 2
                     : first < 0xF5 ? 3
                                    : -1;
    if (more < 0) return false;
    for (int k = 0; k < more; ++k, ++i) {
      if (i >= text.size() || (text[i] & 0xC0U) != 0x80) return false;
    }
  }
  return true;
}

}  // namespace

bool is_metadata_type(const std::string& type) {
  // What is not safe to copy says something of the stored image, as iDOT does of where its parts
  // are; of those these say it of the samples.
  constexpr std::array<const char*, 16> kOfSamples{"cHRM", "gAMA", "iCCP", "sRGB", "cICP", "mDCV",
                                                   "mDCv", "cLLI", "cLLi", "sBIT", "bKGD", "sPLT",
                                                   "tIME", "pCAL", "sCAL", "sTER"};
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (type.size() != 4 || !std::all_of(type.begin(), type.end(), is_letter)) return false;
  const bool safe_to_copy = type[3] >= 'a';
  return type[0] >= 'a' && (safe_to_copy || std::find(kOfSamples.begin(), kOfSamples.end(), type) !=
                                                kOfSamples.end());
}

std::size_t metadata_bytes(const MetadataItem& item) {
  constexpr std::size_t kTypeAndLength = 16;  // at most, and a good part of what it takes in memory
  return kTypeAndLength + item.data.size();
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

MetadataItem comment_item(Bytes text) {
  while (!text.empty() && text.back() == 0) text.pop_back();
  std::replace(text.begin(), text.end(), std::uint8_t{0}, std::uint8_t{' '});
  if (is_utf8(text)) return text_item("Comment", text);
  MetadataItem item{"tEXt", {}};
  append(item.data, "Comment");
  item.data.push_back(0);
  item.data.insert(item.data.end(), text.begin(), text.end());
  return item;
}

MetadataItem density_item(std::uint32_t x, std::uint32_t y, bool per_metre) {
  MetadataItem item{"pHYs", {}};
  append_big32(item.data, x);
  append_big32(item.data, y);
  item.data.push_back(per_metre ? 1 : 0);
  return item;
}

}  // namespace pie

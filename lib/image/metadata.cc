#include "lib/image/metadata.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "lib/image/image_file.h"

namespace pie {
namespace {

constexpr const char* kComment = "Comment";
constexpr const char* kLabel = "laBl";
constexpr const char* kXmp = "XML:com.adobe.xmp";  // the keyword

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

// The same, of text that is not UTF-8.
MetadataItem latin_item(const std::string& keyword, const Bytes& text) {
  MetadataItem item{"tEXt", {}};
  append(item.data, keyword);
  item.data.push_back(0);
  item.data.insert(item.data.end(), text.begin(), text.end());
  return item;
}

// What an item has beyond one that begins in the same way; nothing if it does not.
std::optional<Bytes> behind(const MetadataItem& start, const MetadataItem& item) {
  const auto size = static_cast<std::ptrdiff_t>(start.data.size());
  if (item.type != start.type || item.data.size() < start.data.size() ||
      !std::equal(start.data.begin(), start.data.end(), item.data.begin())) {
    return std::nullopt;
  }
  return Bytes(item.data.begin() + size, item.data.end());
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

MetadataItem xmp_item(const Bytes& packet) { return text_item(kXmp, packet); }

MetadataItem comment_item(Bytes text) {
  while (!text.empty() && text.back() == 0) text.pop_back();
  std::replace(text.begin(), text.end(), std::uint8_t{0}, std::uint8_t{' '});
  if (is_utf8(text)) return text_item(kComment, text);
  return latin_item(kComment, text);
}

MetadataItem label_item(std::uint8_t label) { return {kLabel, {label}}; }

MetadataItem density_item(std::uint32_t x, std::uint32_t y, bool per_metre) {
  MetadataItem item{"pHYs", {}};
  append_big32(item.data, x);
  append_big32(item.data, y);
  item.data.push_back(per_metre ? 1 : 0);
  return item;
}

std::optional<Bytes> icc_profile_of(const MetadataItem& item) {
  if (item.type != "iCCP") return std::nullopt;
  const auto name_end = std::find(item.data.begin(), item.data.end(), 0);
  if (item.data.end() - name_end <= 2) return std::nullopt;
  const auto* from = &*name_end + 2;  // behind the method of compression
  const auto size = static_cast<uLong>(item.data.end() - name_end - 2);
  Bytes profile(4 * size);
  while (profile.size() <= kMostMetadata) {
    uLongf written = static_cast<uLongf>(profile.size());
    const int status = uncompress(profile.data(), &written, from, size);
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    if (status == Z_OK) {
      profile.resize(written);
      return profile;
    }
    if (status != Z_BUF_ERROR) break;
    profile.resize(2 * profile.size());
  }
  return std::nullopt;
}

std::optional<Bytes> xmp_of(const MetadataItem& item) { return behind(text_item(kXmp, {}), item); }

std::optional<Bytes> comment_of(const MetadataItem& item) {
  const auto text = behind(text_item(kComment, {}), item);
  return text ? text : behind(latin_item(kComment, {}), item);
}

std::optional<std::uint8_t> label_of(const Metadata& metadata) {
  for (const MetadataItem& item : metadata) {
    if (item.type == kLabel && item.data.size() == 1) return item.data[0];
  }
  return std::nullopt;
}

std::optional<Density> density_of(const MetadataItem& item) {
  constexpr std::size_t kBytes = 9;
  if (item.type != "pHYs" || item.data.size() != kBytes) return std::nullopt;
  const FileView chunk{item.data.data(), item.data.size(), item.type};
  return Density{static_cast<std::uint32_t>(chunk.big32(0)),
                 static_cast<std::uint32_t>(chunk.big32(4)), item.data[8] == 1};
}

}  // namespace pie

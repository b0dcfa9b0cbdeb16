#include "lib/image/webp_file.h"

#include <webp/decode.h>

#include <algorithm>
#include <array>
#include <string>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::size_t kRiffHeader = 12;  // "RIFF", the length of the rest, "WEBP"

ImageHeader parse_header(const FileView& file, std::uint64_t max_pixels) {
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(file.data, file.size, &features);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA) {
    throw TruncatedError(file.name + ": the WebP file ends early");
  }
  if (status != VP8_STATUS_OK) throw DamagedError(file.name + ": the WebP file is damaged");
  if (features.has_animation != 0) {
    throw UnsupportedError(file.name + ": an animated WebP file; extract its frames first");
  }
  check_dimensions(static_cast<std::uint64_t>(features.width),
                   static_cast<std::uint64_t>(features.height), max_pixels, file.name);
  return {{features.has_alpha != 0 ? 4 : 3, features.height, features.width}, 8};
}

Bytes bytes_of(ByteSpan span) { return Bytes(span.data, span.data + span.size); }

// An Exif block: some writers put JPEG's own beginning before it.
ByteSpan without_prefix(ByteSpan exif) {
  constexpr std::array<std::uint8_t, 6> kPrefix{'E', 'x', 'i', 'f', 0, 0};
  if (exif.size < kPrefix.size() || !std::equal(kPrefix.begin(), kPrefix.end(), exif.data)) {
    return exif;
  }
  return {exif.data + kPrefix.size(), exif.size - kPrefix.size()};
}

// What stands in chunks of their own.
Metadata metadata_of(const FileView& file) {
  Metadata metadata;
  for (std::size_t at = kRiffHeader; at + 8 <= file.size;) {
    const auto* start = file.data + at;
    const std::string type(start, start + 4);
    const std::size_t size = file.little32(at + 4);
    if (size > file.size - at - 8) break;  // libwebp has decoded the image nevertheless
    const ByteSpan content{start + 8, size};
    if (type == "ICCP") metadata.push_back(icc_profile_item(bytes_of(content)));
    if (type == "XMP ") metadata.push_back(xmp_item(bytes_of(content)));
    if (type == "EXIF") metadata.push_back(exif_item(bytes_of(without_prefix(content))));
    at += 8 + size + size % 2;
  }
  return metadata;
}

}  // namespace

bool is_webp(const FileView& file) {
  return file.size >= kRiffHeader && file.starts_with("RIFF", 4) &&
         std::string(file.data + 8, file.data + kRiffHeader) == "WEBP";
}

ImageHeader probe_webp(const FileView& file, std::uint64_t max_pixels) {
  return parse_header(file, max_pixels);
}

ImageFile decode_webp(const FileView& file, std::uint64_t max_pixels) {
  const ImageHeader header = parse_header(file, max_pixels);
  ImageFile result;
  result.image = Image(header.shape);
  const auto stride = static_cast<int>(result.image.row_bytes());
  auto* decode = header.shape.channels == 4 ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  if (decode(file.data, file.size, result.image.samples.data(), result.image.samples.size(),
             stride) == nullptr) {
    const std::size_t riff = file.little32(4) + std::size_t{8};
    if (riff > file.size) throw TruncatedError(file.name + ": the WebP file ends early");
    throw DamagedError(file.name + ": the WebP file is damaged");
  }
  result.metadata = metadata_of(file);
  const std::size_t riff = file.little32(4) + std::size_t{8};
  result.drop_behind(file, riff + riff % 2);
  return result;
}

}  // namespace pie

#include "lib/image/image_io.h"

#include <algorithm>
#include <cctype>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/image/jpeg_file.h"
#include "lib/image/png_file.h"
#include "lib/image/pnm_file.h"
#include "lib/image/stb_file.h"

namespace pie {
namespace {

// The suffix without its dot, in lower case; empty if there is none.
std::string suffix_of(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  const std::size_t slash = path.rfind('/');
  if (dot == std::string::npos || (slash != std::string::npos && dot < slash)) return "";
  std::string suffix = path.substr(dot + 1);
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return suffix;
}

ImageHeader probe(const std::uint8_t* data, std::size_t size, const std::string& name,
                  std::uint64_t max_pixels) {
  if (size == 0) throw TruncatedError(name + ": the file is empty");
  if (is_png(data, size)) return probe_png(data, size, name, max_pixels);
  if (is_pnm(data, size)) return probe_pnm(data, size, name, max_pixels);
  if (is_jpeg(data, size)) return probe_jpeg(data, size, name, max_pixels);
  return probe_stb(data, size, name, max_pixels);
}

}  // namespace

std::string input_name(const std::string& path) { return path == "-" ? "stdin" : path; }

void check_dimensions(std::uint64_t width, std::uint64_t height, std::uint64_t max_pixels,
                      const std::string& name) {
  const std::string shape = std::to_string(height) + "x" + std::to_string(width);
  constexpr std::uint64_t kSide = kMaxSide;
  if (width < 1 || height < 1 || width > kSide || height > kSide) {
    throw DamagedError(name + ": claims to be " + shape + " pixels; a side may have 1 to " +
                       std::to_string(kSide));
  }
  if (width * height > max_pixels) {
    throw DamagedError(name + ": claims to be " + shape + " pixels; the limit is " +
                       std::to_string(max_pixels) + " in all");
  }
}

ImageFile decode_image(const Bytes& file, const std::string& name, std::uint64_t max_pixels) {
  const std::uint8_t* data = file.data();
  if (file.empty()) throw TruncatedError(name + ": the file is empty");
  if (is_png(data, file.size())) return decode_png(data, file.size(), name, max_pixels);
  if (is_pnm(data, file.size())) return decode_pnm(data, file.size(), name, max_pixels);
  if (is_jpeg(data, file.size())) return decode_jpeg(data, file.size(), name, max_pixels);
  return decode_stb(data, file.size(), name, max_pixels);
}

ImageFile read_image(const Input& input, std::uint64_t max_pixels) {
  return decode_image(input.all(), input.name(), max_pixels);
}

ImageHeader probe_image(const Input& input, std::uint64_t max_pixels) {
  // Usually the beginning is enough; where it is not (large metadata before the header), the whole
  // file has the say.
  constexpr std::size_t kBeginning = 1 << 14;
  const Bytes beginning = input.beginning(kBeginning);
  try {
    return probe(beginning.data(), beginning.size(), input.name(), max_pixels);
  } catch (const TruncatedError&) {
    if (beginning.size() < kBeginning) throw;
  }
  const Bytes all = input.all();
  return probe(all.data(), all.size(), input.name(), max_pixels);
}

bool has_image_suffix(const std::string& path) {
  static const char* const kSuffixes[] = {"png", "pgm", "ppm", "pnm", "jpg", "jpeg",
                                          "jpe", "bmp", "tga", "psd", "gif"};
  const std::string suffix = suffix_of(path);
  return std::any_of(std::begin(kSuffixes), std::end(kSuffixes),
                     [&suffix](const char* known) { return suffix == known; });
}

std::optional<ImageFormat> image_format(const std::string& name, int channels) {
  if (name == "png") return ImageFormat::kPng;
  if (name == "pgm") return ImageFormat::kPgm;
  if (name == "ppm") return ImageFormat::kPpm;
  if (name == "pnm") return channels >= 3 ? ImageFormat::kPpm : ImageFormat::kPgm;
  return std::nullopt;
}

std::optional<ImageFormat> image_format_of_path(const std::string& path, int channels) {
  return image_format(suffix_of(path), channels);
}

Bytes encode_image(const Image& image, ImageFormat format) {
  const auto channels = static_cast<int>(image.shape.channels);
  switch (format) {
    case ImageFormat::kPng:
      return encode_png(image);
    case ImageFormat::kPgm:
      if (channels != 1) {
        throw UsageError("a PGM file holds one channel, this image has " +
                         std::to_string(channels) + "; write PPM or PNG instead");
      }
      return encode_pnm(image);
    case ImageFormat::kPpm:
      if (channels != 3) {
        throw UsageError("a PPM file holds three channels, this image has " +
                         std::to_string(channels) + "; write PGM or PNG instead");
      }
      return encode_pnm(image);
  }
  throw UsageError("there is no such image format");
}

void write_image(const std::string& path, const Image& image, ImageFormat format, bool overwrite) {
  const Bytes encoded = encode_image(image, format);
  OutputFile file(path, overwrite);
  file.write(encoded);
  file.commit();
}

}  // namespace pie

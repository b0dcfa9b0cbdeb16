#include "lib/image/image_io.h"

#include <algorithm>
#include <cctype>

#include "lib/base/error.h"
#include "lib/image/image_format.h"

namespace pie {
namespace {

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

const ImageFormat& format_of(const FileView& file) {
  if (file.size == 0) throw TruncatedError(file.name + ": the file is empty");
  for (const ImageFormat& format : image_formats()) {
    if (format.is(file)) return format;
  }
  throw DamagedError(file.name + ": not an image file of a known format; readable are " +
                     readable_format_names() + ", IDX, and CIFAR archives called *.bin");
}

ImageHeader probe(const FileView& file, std::uint64_t max_pixels) {
  return format_of(file).probe(file, max_pixels);
}

// The format of this name that can hold the image; null if there is none.
const ImageFormat* format_for(const Image& image, const std::string& format_name) {
  for (const ImageFormat& format : image_formats()) {
    if (has(format.suffixes, format_name) && format.can_hold(image)) return &format;
  }
  return nullptr;
}

// The suffixes of those formats that `is_meant` says, each once.
template <typename IsMeant>
std::vector<std::string> suffixes_of_formats(IsMeant is_meant) {
  std::vector<std::string> names;
  for (const ImageFormat& format : image_formats()) {
    if (!is_meant(format)) continue;
    for (const std::string& suffix : format.suffixes) {
      if (!has(names, suffix)) names.push_back(suffix);
    }
  }
  return names;
}

}  // namespace

ImageFile decode_image(const Bytes& file, const std::string& name, std::uint64_t max_pixels) {
  const FileView view{file.data(), file.size(), name};
  auto result = format_of(view).decode(view, max_pixels);
  std::size_t kept = 0, count = 0;
  for (const MetadataItem& item : result.metadata) {
    kept += metadata_bytes(item);
    if (kept > kMostMetadata) break;
    ++count;
  }
  if (count < result.metadata.size()) {
    result.metadata.resize(count);
    result.dropped.push_back("metadata beyond " + std::to_string(kMostMetadata >> 20) + " MiB");
  }
  return result;
}

ImageFile read_image(const Input& input, std::uint64_t max_pixels) {
  probe_image(input, max_pixels);  // before a file that is no image is read to its end
  return decode_image(input.all(), input.name(), max_pixels);
}

ImageHeader probe_image(const Input& input, std::uint64_t max_pixels) {
  // Usually the beginning is enough; behind large metadata, more.
  for (std::size_t size = 1 << 14;; size *= 16) {
    const Bytes beginning = input.beginning(size);
    try {
      return probe({beginning.data(), beginning.size(), input.name()}, max_pixels);
    } catch (const TruncatedError&) {
      if (beginning.size() < size) throw;
    }
  }
}

std::string suffix_of(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  const std::size_t slash = path.rfind('/');
  if (dot == std::string::npos || (slash != std::string::npos && dot < slash)) return "";
  std::string suffix = path.substr(dot + 1);
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return suffix;
}

bool has_image_suffix(const std::string& path) {
  return has(suffixes_of_formats([](const ImageFormat&) { return true; }), suffix_of(path));
}

std::string readable_format_names() {
  std::vector<std::string> names;
  for (const ImageFormat& format : image_formats()) names.emplace_back(format.name);
  return joined(names);
}

std::vector<std::string> writable_formats() {
  return suffixes_of_formats([](const ImageFormat& format) { return format.encode != nullptr; });
}

std::string writable_format_names() { return joined(writable_formats()); }

bool is_writable_format(const std::string& name) { return has(writable_formats(), name); }

bool can_encode(const Image& image, const std::string& format_name) {
  return format_for(image, format_name) != nullptr;
}

bool keeps_metadata(const Image& image, const std::string& format_name, const Metadata& metadata) {
  const ImageFormat* format = format_for(image, format_name);
  return format != nullptr &&
         (metadata.empty() || (format->keeps != nullptr &&
                               std::all_of(metadata.begin(), metadata.end(), format->keeps)));
}

Bytes encode_image(const Image& image, const std::string& format_name, const Metadata& metadata) {
  if (const ImageFormat* format = format_for(image, format_name)) {
    return format->encode(image, metadata);
  }
  if (!is_writable_format(format_name)) {
    throw UsageError("there is no image format '" + format_name + "' that can be written; choose " +
                     writable_format_names());
  }
  const auto fits = [&image](const ImageFormat& format) { return format.can_hold(image); };
  throw UsageError("the format " + format_name + " cannot hold an image of " +
                   std::to_string(image.shape.channels) + " channels and " +
                   std::to_string(image.bits) + " bits; choose " +
                   joined(suffixes_of_formats(fits)));
}

}  // namespace pie

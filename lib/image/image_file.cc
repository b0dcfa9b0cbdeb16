#include "lib/image/image_file.h"

#include <algorithm>
#include <cstring>

#include "lib/base/error.h"

namespace pie {

bool FileView::starts_with(const char* magic, std::size_t length) const {
  return size >= length && std::memcmp(data, magic, length) == 0;
}

const std::uint8_t* FileView::bytes(std::size_t at, std::uint64_t count) const {
  if (at > size || size - at < count) throw TruncatedError(name + ": the image file ends early");
  return data + at;
}

std::size_t FileView::little16(std::size_t at) const {
  const std::uint8_t* p = bytes(at, 2);
  return p[0] | std::size_t{p[1]} << 8;
}

std::size_t FileView::little32(std::size_t at) const {
  return little16(at) | little16(at + 2) << 16;
}

std::size_t FileView::big16(std::size_t at) const {
  const std::uint8_t* p = bytes(at, 2);
  return std::size_t{p[0]} << 8 | p[1];
}

std::size_t FileView::big32(std::size_t at) const { return big16(at) << 16 | big16(at + 2); }

void ImageFile::drop_behind(const FileView& file, std::size_t end) {
  const auto is_padding = [](std::uint8_t byte) {
    return byte == 0 || byte == ' ' || (byte >= '\t' && byte <= '\r');
  };
  if (end < file.size && !std::all_of(file.data + end, file.data + file.size, is_padding)) {
    dropped.emplace_back("further bytes behind the image");
  }
}

void check_dimensions(std::uint64_t width, std::uint64_t height, std::uint64_t max_pixels,
                      const std::string& name) {
  const std::string shape = std::to_string(width) + "x" + std::to_string(height);
  constexpr std::uint64_t kSide = kMaxSide;
  if (width < 1 || height < 1 || width > kSide || height > kSide) {
    throw DamagedError(name + ": claims to be " + shape + " pixels; a side may have 1 to " +
                       std::to_string(kSide));
  }
  if (width * height > max_pixels) {
    throw LimitError(name + ": claims to be " + shape + " pixels; the limit is " +
                     std::to_string(max_pixels) + " in all");
  }
}

}  // namespace pie

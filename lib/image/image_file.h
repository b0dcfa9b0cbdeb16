// What decoding an image file gives: the samples, and what the file held besides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/image/image.h"
#include "lib/image/metadata.h"

namespace pie {

// An image file in memory, as its reader sees it.
struct FileView {
  const std::uint8_t* data;
  std::size_t size;
  std::string name;  // in messages

  bool starts_with(const char* magic, std::size_t length) const;

  // The `count` bytes at offset `at`, and the integer that stands there. All throw TruncatedError
  // beyond the end.
  const std::uint8_t* bytes(std::size_t at, std::uint64_t count) const;
  std::size_t u8(std::size_t at) const { return *bytes(at, 1); }
  std::size_t little16(std::size_t at) const;
  std::size_t little32(std::size_t at) const;
  std::size_t big16(std::size_t at) const;
  std::size_t big32(std::size_t at) const;
};

// Shape and depth, known from the beginning of a file.
struct ImageHeader {
  Shape shape;
  int bits = 8;
};

// A decoded image file. The samples are exactly what the file defines; whatever else it held is
// kept beside them or listed, so that a tool that promises to lose nothing can say what it does not
// keep.
struct ImageFile {
  // Lists what follows offset `end` of a file, where its image is over, unless that is nothing but
  // padding.
  void drop_behind(const FileView& file, std::size_t end);

  Image image;
  Metadata metadata;
  std::vector<std::string> dropped;  // what is not kept: "further frames", "layers", ...
};

// The largest image that readers accept unless told otherwise, in pixels.
constexpr std::uint64_t kMaxPixels = std::uint64_t{1} << 28;

// The longest side that readers accept, in pixels.
constexpr int kMaxSide = 1 << 20;

// Throws DamagedError if a file called `name` claims a shape that no reader accepts, a side outside
// 1..kMaxSide, and LimitError if it claims more than `max_pixels` pixels in all.
void check_dimensions(std::uint64_t width, std::uint64_t height, std::uint64_t max_pixels,
                      const std::string& name);

}  // namespace pie

#include "lib/image/tga_file.h"

#include <algorithm>
#include <optional>

#include "lib/base/error.h"
#include "lib/image/stb_file.h"

namespace pie {
namespace {

constexpr std::size_t kHeaderBytes = 18;

// The field "image type", without the bit that says that there are runs of pixels.
enum Kind : std::size_t { kPalette = 1, kColor = 2, kGray = 3 };
std::size_t kind_of(const FileView& file) { return file.u8(2) & 7U; }

// Nothing if this is no header that a TGA file may have.
std::optional<Shape> find_shape(const FileView& file) {
  // The second byte tells these files from the others that stb_image knows.
  if (file.size < kHeaderBytes || file.u8(1) > 1) return std::nullopt;
  const std::optional<Shape> shape = shape_by_stb(file);
  const std::size_t kind = kind_of(file);
  if (shape && kind != kPalette && (kind == kGray) != (shape->channels < 3)) {
    return std::nullopt;
  }
  return shape;
}

Shape read_header(const FileView& file, std::uint64_t max_pixels) {
  file.bytes(0, kHeaderBytes);
  check_dimensions(file.little16(12), file.little16(14), max_pixels, file.name);
  const std::optional<Shape> shape = find_shape(file);
  if (!shape) throw DamagedError(file.name + ": the TGA file is damaged (header)");
  const auto refuse = [&file](const std::string& what) {
    throw UnsupportedError(file.name + ": a TGA file with " + what + "; convert it to PNG");
  };
  // stb_image ignores the directions of the columns, and takes the first colour for a length.
  if ((file.u8(17) & 0xd0U) != 0) refuse("rows that are interleaved or run from right to left");
  if (kind_of(file) == kPalette && file.little16(3) != 0) refuse("colours that begin behind 0");
  return *shape;
}

// Throws TruncatedError unless all pixels are there, DamagedError unless the palette has their
// colours: stb_image would make up either.
void check_pixels(const FileView& file, std::size_t left) {
  const bool has_palette = kind_of(file) == kPalette;
  const bool has_runs = (file.u8(2) & 8U) != 0;
  const std::size_t colors = file.little16(5);
  const std::size_t size = (file.u8(16) + 7) / 8;  // of a pixel, in bytes
  std::size_t at = kHeaderBytes + file.u8(0);
  if (has_palette) at += colors * ((file.u8(7) + 7) / 8);
  while (left > 0) {
    std::size_t pixels = left;
    std::size_t stored = left;
    if (has_runs) {
      const std::size_t packet = file.u8(at++);
      pixels = std::min(left, 1 + (packet & 127U));
      stored = (packet & 128U) != 0 ? 1 : pixels;
    }
    file.bytes(at, stored * size);
    for (std::size_t i = 0; has_palette && i < stored; ++i) {
      const std::size_t color = size == 1 ? file.u8(at + i) : file.little16(at + 2 * i);
      if (color >= colors) {
        throw DamagedError(file.name + ": the TGA file is damaged (colour " +
                           std::to_string(color) + " is not in its palette)");
      }
    }
    at += stored * size;
    left -= pixels;
  }
}

}  // namespace

bool is_tga(const FileView& file) { return find_shape(file).has_value(); }

ImageHeader probe_tga(const FileView& file, std::uint64_t max_pixels) {
  return {read_header(file, max_pixels), 8};
}

ImageFile decode_tga(const FileView& file, std::uint64_t max_pixels) {
  const Shape shape = read_header(file, max_pixels);
  check_pixels(file, static_cast<std::size_t>(shape.pixels()));
  ImageFile result;
  result.image = decode_by_stb(file, shape);
  const std::size_t depth = file.u8(kind_of(file) == kPalette ? 7 : 16);
  if (shape.channels == 3 && depth == 16 && (file.u8(17) & 15U) != 0) {
    result.dropped.push_back("1-bit alpha");
  }
  return result;
}

}  // namespace pie

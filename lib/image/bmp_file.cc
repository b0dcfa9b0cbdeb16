#include "lib/image/bmp_file.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/image/stb_file.h"

namespace pie {
namespace {

constexpr std::size_t kFileHeader = 14;  // bytes; a second header follows
// Sizes of the second header. With others, stb_image reads the palette or the masks from the wrong
// place.
constexpr std::size_t kPlain = 40;
constexpr std::size_t kVersion4 = 108;
constexpr std::size_t kVersion5 = 124;

UnsupportedError unsupported(const FileView& file, const std::string& what) {
  return UnsupportedError(file.name + ": a BMP file with " + what + "; convert it to PNG");
}

DamagedError damaged(const FileView& file, const std::string& cause) {
  return DamagedError(file.name + ": the BMP file is damaged (" + cause + ")");
}

// What the headers say.
struct Layout {
  std::size_t width() const { return static_cast<std::size_t>(shape.width); }
  std::size_t height() const { return static_cast<std::size_t>(shape.height); }
  std::size_t row_bytes() const { return (width() * bits + 31) / 32 * 4; }

  Shape shape;
  std::size_t pixels_at = 0;
  std::size_t bits = 0;    // a pixel
  std::size_t colors = 0;  // of the palette
};

// A mask selects the bits of a sample.
void check_mask(const FileView& file, std::size_t mask, std::size_t bits) {
  if (mask == 0 || mask >> bits != 0) throw damaged(file, "a mask selects no bits of a pixel");
  const std::size_t sample = mask / (mask & (~mask + 1));
  if ((sample & (sample + 1)) != 0) throw damaged(file, "a mask is no run of bits");
  if (sample > 255) throw unsupported(file, "more than 8 bits a sample");
}

// True if the palette, which begins at `at`, has grays only.
bool is_gray(const FileView& file, std::size_t at, std::size_t colors) {
  const std::uint8_t* entry = file.bytes(at, 4 * colors);
  for (std::size_t i = 0; i < colors; ++i, entry += 4) {
    if (entry[0] != entry[1] || entry[1] != entry[2]) return false;
  }
  return true;
}

// The fourth byte of a pixel without masks means nothing, but many programs write alpha there.
bool has_fourth_byte(const FileView& file, const Layout& layout) {
  const std::size_t size = 4 * layout.width() * layout.height();
  const std::uint8_t* pixels = file.bytes(layout.pixels_at, size);
  for (std::size_t i = 3; i < size; i += 4) {
    if (pixels[i] != 0) return true;
  }
  return false;
}

Layout read_layout(const FileView& file, std::uint64_t max_pixels) {
  Layout layout;
  layout.pixels_at = file.little32(10);
  const std::size_t header = file.little32(kFileHeader);
  if (header != kPlain && header != kVersion4 && header != kVersion5) {
    throw unsupported(file, "a header of " + std::to_string(header) + " bytes");
  }
  const std::size_t width = file.little32(18);
  std::size_t height = file.little32(22);
  // A negative number: rows from top to bottom.
  if (height >> 31 != 0) height = (std::size_t{1} << 32) - height;
  check_dimensions(width, height, max_pixels, file.name);
  layout.shape = {3, static_cast<int>(height), static_cast<int>(width)};

  const std::size_t bits = layout.bits = file.little16(28);
  const bool has_palette = bits == 1 || bits == 4 || bits == 8;
  if (!has_palette && bits != 16 && bits != 24 && bits != 32) {
    throw unsupported(file, std::to_string(bits) + " bits a pixel");
  }
  const std::size_t compression = file.little32(30);
  const bool has_masks = compression == 3 && (bits == 16 || bits == 32);
  if (compression != 0 && !has_masks) {
    throw unsupported(file, "compression " + std::to_string(compression));
  }
  const std::size_t masks_at = kFileHeader + kPlain;  // within the longer headers
  const std::size_t headers = kFileHeader + header + (has_masks && header == kPlain ? 12 : 0);
  if (layout.pixels_at < headers) throw damaged(file, "no room for its headers");
  const std::size_t gap = layout.pixels_at - headers;
  if (gap > (has_palette ? 4 * 256 : 0)) throw unsupported(file, "a gap before its pixels");

  if (has_palette) {
    layout.colors = std::min(std::size_t{1} << bits, gap / 4);
    const std::size_t used = file.little32(46);  // 0: as many as there can be
    if (used != 0) layout.colors = std::min(layout.colors, used);
    if (is_gray(file, headers, layout.colors)) layout.shape.channels = 1;
  } else if (has_masks) {
    for (std::size_t c = 0; c < 3; ++c) check_mask(file, file.little32(masks_at + 4 * c), bits);
    const std::size_t alpha = header == kPlain ? 0 : file.little32(masks_at + 12);
    if (alpha != 0) {
      check_mask(file, alpha, bits);
      layout.shape.channels = 4;
    }
  } else if (bits == 32 && has_fourth_byte(file, layout)) {
    layout.shape.channels = 4;
  }
  return layout;
}

// stb_image takes colours that the palette lacks from memory that it has not written.
void check_colors(const FileView& file, const Layout& layout) {
  for (std::size_t y = 0; y < layout.height(); ++y) {
    const std::uint8_t* row =
        file.bytes(layout.pixels_at + y * layout.row_bytes(), layout.row_bytes());
    for (std::size_t bit = 0; bit < layout.width() * layout.bits; bit += layout.bits) {
      const std::size_t color =
          static_cast<std::size_t>(row[bit / 8]) >> (8 - layout.bits - bit % 8) &
          ((std::size_t{1} << layout.bits) - 1);
      if (color >= layout.colors) {
        throw damaged(file, "colour " + std::to_string(color) + " of a palette of " +
                                std::to_string(layout.colors));
      }
    }
  }
}

}  // namespace

bool is_bmp(const FileView& file) { return file.starts_with("BM", 2); }

ImageHeader probe_bmp(const FileView& file, std::uint64_t max_pixels) {
  return {read_layout(file, max_pixels).shape, 8};
}

ImageFile decode_bmp(const FileView& file, std::uint64_t max_pixels) {
  const Layout layout = read_layout(file, max_pixels);
  file.bytes(layout.pixels_at, layout.height() * layout.row_bytes());  // all there
  if (layout.bits <= 8) check_colors(file, layout);
  ImageFile result;
  result.image = decode_by_stb(file, layout.shape);
  constexpr std::size_t kEmbedded = 0x4d424544;
  if (file.little32(kFileHeader) == kVersion5 && file.little32(kFileHeader + 56) == kEmbedded) {
    result.dropped.push_back("iCCP");
  }
  return result;
}

}  // namespace pie

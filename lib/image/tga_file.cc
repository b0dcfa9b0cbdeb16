#include "lib/image/tga_file.h"

#include <algorithm>
#include <initializer_list>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::size_t kHeaderBytes = 18;

// The fields of the header.
struct Header {
  explicit Header(const FileView& file)
      : id_bytes(file.u8(0)),
        has_palette(file.u8(1)),
        kind(file.u8(2) & 7U),
        run_length((file.u8(2) & 8U) != 0),
        first_color(file.little16(3)),
        colors(file.little16(5)),
        color_bits(file.u8(7)),
        width(file.little16(12)),
        height(file.little16(14)),
        bits(file.u8(16)),
        descriptor(file.u8(17)) {}

  // How many bits describe a colour.
  std::size_t depth() const { return kind == kPalette ? color_bits : bits; }
  int channels() const {
    const std::size_t n = depth();
    if (kind == kGray) return n == 16 ? 2 : 1;
    return n == 8 ? 1 : n == 32 ? 4 : 3;
  }
  std::size_t palette_bytes() const { return colors * ((color_bits + 7) / 8); }
  std::size_t pixel_bytes() const { return (bits + 7) / 8; }

  enum Kind : std::size_t { kPalette = 1, kColor = 2, kGray = 3 };

  std::size_t id_bytes, has_palette, kind;
  bool run_length;
  std::size_t first_color, colors, color_bits, width, height, bits, descriptor;
};

bool any_of(std::size_t value, std::initializer_list<std::size_t> values) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// The samples of a colour of `bits` bits, which is stored with its blue first.
void read_color(const std::uint8_t* from, std::size_t bits, int channels, std::uint8_t* to) {
  if (channels < 3) {
    std::copy_n(from, channels, to);
  } else if (bits <= 16) {
    const unsigned value = from[0] | static_cast<unsigned>(from[1]) << 8;
    for (unsigned c = 0; c < 3; ++c) {
      to[c] = static_cast<std::uint8_t>((value >> (10 - 5 * c) & 31U) * 255 / 31);
    }
  } else {
    for (int c = 0; c < 3; ++c) to[c] = from[2 - c];
    if (channels == 4) to[3] = from[3];
  }
}

// The pixels of a file, one after the other, with runs expanded.
class Pixels {
 public:
  Pixels(const FileView& file, const Header& header, std::size_t at)
      : file_(file),
        header_(header),
        at_(at),
        left_(header.run_length ? 0 : header.width * header.height) {}

  const std::uint8_t* next() {
    const std::size_t size = header_.pixel_bytes();
    if (left_ == 0) {
      const std::size_t packet = file_.u8(at_++);
      left_ = 1 + (packet & 127U);
      repeated_ = (packet & 128U) != 0;
      if (repeated_) at_ += size;
    }
    --left_;
    if (!repeated_) at_ += size;
    return file_.bytes(at_ - size, size);
  }

 private:
  const FileView& file_;
  const Header& header_;
  std::size_t at_;
  std::size_t left_;  // pixels of the packet; without packets, of the file
  bool repeated_ = false;
};

Header read_header(const FileView& file, std::uint64_t max_pixels) {
  const Header header(file);
  check_dimensions(header.width, header.height, max_pixels, file.name);
  if ((header.descriptor & 0xc0U) != 0) {
    throw UnsupportedError(file.name + ": a TGA file with interleaved rows; convert it to PNG");
  }
  return header;
}

Shape geometry_of(const Header& header) {
  return {header.channels(), static_cast<int>(header.height), static_cast<int>(header.width)};
}

}  // namespace

bool is_tga(const FileView& file) {
  if (file.size < kHeaderBytes) return false;
  const Header header(file);
  if (!any_of(file.u8(2), {1, 2, 3, 9, 10, 11}) || header.width == 0 || header.height == 0) {
    return false;
  }
  switch (header.kind) {
    case Header::kPalette:
      return header.has_palette == 1 && any_of(header.color_bits, {8, 15, 16, 24, 32}) &&
             any_of(header.bits, {8, 16});
    case Header::kColor:
      return header.has_palette == 0 && any_of(header.bits, {15, 16, 24, 32});
    default:
      return header.has_palette == 0 && any_of(header.bits, {8, 16});
  }
}

ImageHeader probe_tga(const FileView& file, std::uint64_t max_pixels) {
  return {geometry_of(read_header(file, max_pixels)), 8};
}

ImageFile decode_tga(const FileView& file, std::uint64_t max_pixels) {
  const Header header = read_header(file, max_pixels);
  const std::size_t palette_at = kHeaderBytes + header.id_bytes;
  const std::uint8_t* palette = nullptr;
  if (header.kind == Header::kPalette) palette = file.bytes(palette_at, header.palette_bytes());
  const std::size_t pixels_at = palette_at + (palette == nullptr ? 0 : header.palette_bytes());
  // The fewest bytes that can hold the pixels: a header that promises more lies, and shall not make
  // us allocate for it.
  const std::size_t count = header.width * header.height;
  const std::size_t stored = header.run_length ? (count + 127) / 128 : count;
  file.bytes(pixels_at, stored * (header.pixel_bytes() + (header.run_length ? 1 : 0)));

  ImageFile result;
  result.image = Image(geometry_of(header));
  const int channels = header.channels();
  const bool bottom_up = (header.descriptor & 0x20U) == 0;
  Pixels pixels(file, header, pixels_at);
  for (std::size_t y = 0; y < header.height; ++y) {
    std::uint8_t* to = result.image.samples.data() +
                       (bottom_up ? header.height - 1 - y : y) * result.image.row_bytes();
    for (std::size_t x = 0; x < header.width; ++x, to += channels) {
      const std::uint8_t* pixel = pixels.next();
      if (palette != nullptr) {
        const std::size_t name =
            header.bits == 8 ? pixel[0] : pixel[0] | std::size_t{pixel[1]} << 8;
        if (name < header.first_color || name - header.first_color >= header.colors) {
          throw DamagedError(file.name + ": the TGA file is damaged (colour " +
                             std::to_string(name) + " is not in its palette)");
        }
        pixel = palette + (name - header.first_color) * ((header.color_bits + 7) / 8);
      }
      read_color(pixel, header.depth(), channels, to);
    }
  }
  if ((header.descriptor & 0x10U) != 0) result.image = flip_horizontal(result.image);
  if (header.kind != Header::kGray && header.depth() == 16 && (header.descriptor & 15U) != 0) {
    result.dropped.push_back("1-bit alpha");
  }
  return result;
}

}  // namespace pie

// Files of the formats that the library reads but does not write, made by hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/image/image.h"
#include "lib/image/image_file.h"

namespace pie {

inline FileView view_of(const Bytes& file) { return {file.data(), file.size(), "x"}; }

inline Bytes cut(const Bytes& file, std::size_t size) {
  return Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
}

// A BMP file, field by field.
struct BmpParts {
  std::int64_t width = 0;
  std::int64_t height = 0;  // negative: from top to bottom
  std::uint16_t bits = 24;
  std::uint32_t compression = 0;
  std::uint32_t header = 40;  // bytes of the second header
  std::vector<std::uint32_t> masks;
  Bytes palette;  // blue, green, red and, unless `header` is 12, a byte of no meaning
  std::uint32_t used = 0;
  std::size_t gap = 0;      // bytes before the pixels
  std::vector<Bytes> rows;  // in the order of the file, without padding
};

inline Bytes make_bmp(const BmpParts& parts) {
  ByteWriter second;
  second.u32(parts.header);
  if (parts.header == 12) {
    second.u16(static_cast<std::uint16_t>(parts.width));
    second.u16(static_cast<std::uint16_t>(parts.height));
  } else {
    second.u32(static_cast<std::uint32_t>(parts.width));
    second.u32(static_cast<std::uint32_t>(parts.height));
  }
  second.u16(1);
  second.u16(parts.bits);
  if (parts.header >= 40) {
    second.u32(parts.compression);
    for (int i = 0; i < 3; ++i) second.u32(0);  // size, resolution
    second.u32(parts.used);
    second.u32(0);
  }
  for (const std::uint32_t mask : parts.masks) second.u32(mask);
  while (second.size() < parts.header) second.u8(0);
  second.raw(parts.palette);
  for (std::size_t i = 0; i < parts.gap; ++i) second.u8(0);

  ByteWriter file;
  file.raw("BM", 2);
  file.u32(0);  // size, which nobody reads
  file.u32(0);
  file.u32(static_cast<std::uint32_t>(14 + second.size()));
  file.raw(second.bytes());
  for (Bytes row : parts.rows) {
    row.resize((row.size() + 3) / 4 * 4);
    file.raw(row);
  }
  return file.take();
}

// The rows of an image, the last one first, and the samples of a colour with blue first.
inline std::vector<Bytes> reversed_rows(const Image& image) {
  std::vector<Bytes> rows;
  const Shape& g = image.shape;
  for (std::int64_t y = g.height - 1; y >= 0; --y) {
    Bytes row;
    for (int x = 0; x < g.width; ++x) {
      for (int c = 0; c < g.channels; ++c) {
        const int channel = g.channels >= 3 && c < 3 ? 2 - c : c;
        row.push_back(static_cast<std::uint8_t>(image.at(y, x, channel)));
      }
    }
    rows.push_back(row);
  }
  return rows;
}

// RGB with 24 bits, RGBA with 32 and masks.
inline Bytes encode_bmp(const Image& image) {
  BmpParts parts;
  parts.width = image.shape.width;
  parts.height = image.shape.height;
  parts.rows = reversed_rows(image);
  if (image.shape.channels == 4) {
    parts.bits = 32;
    parts.compression = 3;
    parts.header = 108;
    parts.masks = {0xff0000, 0xff00, 0xff, 0xff000000};
  }
  return make_bmp(parts);
}

// A TGA file, field by field.
struct TgaParts {
  std::uint8_t type = 2;
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::uint8_t bits = 24;
  std::uint8_t descriptor = 0;
  std::uint16_t first_color = 0;
  std::uint16_t colors = 0;
  std::uint8_t color_bits = 0;
  Bytes palette;
  Bytes pixels;
};

inline Bytes make_tga(const TgaParts& parts) {
  ByteWriter file;
  file.u8(3);  // bytes of a name that follows the header
  file.u8(parts.colors > 0 ? 1 : 0);
  file.u8(parts.type);
  file.u16(parts.first_color);
  file.u16(parts.colors);
  file.u8(parts.color_bits);
  file.u32(0);
  file.u16(static_cast<std::uint16_t>(parts.width));
  file.u16(static_cast<std::uint16_t>(parts.height));
  file.u8(parts.bits);
  file.u8(parts.descriptor);
  file.raw("abc", 3);
  file.raw(parts.palette);
  file.raw(parts.pixels);
  return file.take();
}

inline Bytes encode_tga(const Image& image) {
  TgaParts parts;
  parts.type = image.shape.channels < 3 ? 3 : 2;
  parts.width = image.shape.width;
  parts.height = image.shape.height;
  parts.bits = static_cast<std::uint8_t>(8 * image.shape.channels);
  for (const Bytes& row : reversed_rows(image)) {
    parts.pixels.insert(parts.pixels.end(), row.begin(), row.end());
  }
  return make_tga(parts);
}

// `sections` holds the three sections between the header and the samples, with their lengths.
inline Bytes encode_psd(const Image& image, const Bytes& sections = Bytes(12)) {
  const auto put16 = [](ByteWriter* file, std::int64_t value) {
    file->u8(static_cast<std::uint8_t>(value >> 8));
    file->u8(static_cast<std::uint8_t>(value & 255));
  };
  const Shape& g = image.shape;
  ByteWriter file;
  file.raw("8BPS\0\1\0\0\0\0\0\0", 12);
  put16(&file, g.channels);
  for (const std::int64_t side : {g.height, g.width}) {
    put16(&file, 0);
    put16(&file, side);
  }
  put16(&file, image.bits);
  put16(&file, g.channels < 3 ? 1 : 3);
  file.raw(sections);
  put16(&file, 0);  // not compressed
  for (int c = 0; c < g.channels; ++c) {
    for (int y = 0; y < g.height; ++y) {
      for (int x = 0; x < g.width; ++x) {
        if (image.bits == 16) {
          put16(&file, image.at(y, x, c));
        } else {
          file.u8(static_cast<std::uint8_t>(image.at(y, x, c)));
        }
      }
    }
  }
  return file.take();
}

// A GIF file, field by field; frames are made by gif_frame.
struct GifParts {
  std::int64_t width = 0;
  std::int64_t height = 0;
  Bytes palette;  // 2, 4, 8, ... colours
  std::uint8_t background = 0;
  std::vector<Bytes> blocks;
};

inline std::uint8_t gif_flags(const Bytes& palette) {
  std::uint8_t flags = 0x80;
  for (std::size_t colors = 2; 3 * colors < palette.size(); colors *= 2) ++flags;
  return palette.empty() ? 0 : flags;
}

inline Bytes make_gif(const GifParts& parts) {
  ByteWriter file;
  file.raw("GIF89a", 6);
  file.u16(static_cast<std::uint16_t>(parts.width));
  file.u16(static_cast<std::uint16_t>(parts.height));
  file.u8(gif_flags(parts.palette));
  file.u8(parts.background);
  file.u8(0);
  file.raw(parts.palette);
  for (const Bytes& block : parts.blocks) file.raw(block);
  file.u8(0x3b);
  return file.take();
}

// The indices as LZW codes of 9 bits: each for itself, which the reader's own codes must not
// outgrow, so that they start anew every 100.
inline Bytes gif_data(const Bytes& indices) {
  constexpr std::uint32_t kClear = 256;
  std::uint32_t pending = 0;
  int bits = 0;
  Bytes packed;
  const auto put = [&](std::uint32_t code) {
    pending |= code << bits;
    for (bits += 9; bits >= 8; bits -= 8, pending >>= 8) {
      packed.push_back(static_cast<std::uint8_t>(pending & 255));
    }
  };
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (i % 100 == 0) put(kClear);
    put(indices[i]);
  }
  put(kClear + 1);
  if (bits > 0) packed.push_back(static_cast<std::uint8_t>(pending & 255));

  ByteWriter data;
  data.u8(8);
  for (std::size_t i = 0; i < packed.size(); i += 255) {
    const std::size_t size = std::min<std::size_t>(255, packed.size() - i);
    data.u8(static_cast<std::uint8_t>(size));
    data.raw(packed.data() + i, size);
  }
  data.u8(0);
  return data.take();
}

struct GifFrame {
  std::int64_t x = 0;
  std::int64_t y = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool interlaced = false;
  Bytes palette;
  Bytes data;  // LZW
};

inline Bytes gif_frame(const GifFrame& frame) {
  ByteWriter block;
  block.u8(0x2c);
  for (const std::int64_t value : {frame.x, frame.y, frame.width, frame.height}) {
    block.u16(static_cast<std::uint16_t>(value));
  }
  block.u8(static_cast<std::uint8_t>(gif_flags(frame.palette) | (frame.interlaced ? 0x40 : 0)));
  block.raw(frame.palette);
  block.raw(frame.data);
  return block.take();
}

// The extension that makes `color` transparent in the frame behind it.
inline Bytes gif_transparency(std::uint8_t color) { return {0x21, 0xf9, 4, 1, 0, 0, color, 0}; }

// A GIF of 2x1 pixels, red and green, `frames` of them.
inline Bytes small_gif(int frames) {
  GifParts parts;
  parts.width = 2;
  parts.height = 1;
  parts.palette = {0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255};
  GifFrame frame;
  frame.width = 2;
  frame.height = 1;
  frame.data = gif_data({1, 2});
  for (int i = 0; i < frames; ++i) parts.blocks.push_back(gif_frame(frame));
  return make_gif(parts);
}

}  // namespace pie

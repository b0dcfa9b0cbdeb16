#include "lib/image/bmp_file.h"

#include <algorithm>
#include <array>
#include <vector>

#include "lib/base/error.h"

namespace pie {
namespace {

// Where a sample stands in the bits of a pixel.
struct Field {
  std::size_t mask = 0;
  unsigned shift = 0;
  unsigned bits = 0;

  std::uint8_t sample(std::size_t pixel) const {
    const std::size_t value = (pixel & mask) >> shift;
    // Repeated until eight bits are full, so that the largest value becomes 255.
    std::size_t filled = value << (8 - bits);
    for (unsigned have = bits; have < 8; have *= 2) filled |= filled >> have;
    return static_cast<std::uint8_t>(filled);
  }
};

enum Compression : std::size_t { kNone = 0, kBitFields = 3, kAlphaBitFields = 6 };

// What the headers say.
class Layout {
 public:
  Layout(const FileView& file, std::uint64_t max_pixels) : file_(file) {
    read_size(max_pixels);
    if (compression_ != kNone && compression_ != kBitFields && compression_ != kAlphaBitFields) {
      throw UnsupportedError(file.name + ": a compressed BMP file; convert it to PNG");
    }
    const bool masked = compression_ != kNone;
    if (pixels_at_ < kHeaders + header_ + (header_ == kPlain && masked ? masks() * 4 : 0)) {
      throw damaged("no room for its headers");
    }
    if (bits_ == 1 || bits_ == 4 || bits_ == 8) {
      if (masked) throw damaged("masks beside a palette");
      read_palette();
    } else if (bits_ == 16 || bits_ == 24 || bits_ == 32) {
      if (masked && bits_ == 24) throw damaged("masks for 24 bits");
      read_fields();
    } else {
      throw UnsupportedError(file.name + ": a BMP file with " + std::to_string(bits_) +
                             " bits a pixel; convert it to PNG");
    }
  }

  ImageHeader header() const { return {{channels_, height_, width_}, 8}; }

  Image decode() const {
    // The padding of the last row may be missing.
    const std::size_t rows = static_cast<std::size_t>(height_);
    const std::uint8_t* pixels = file_.bytes(pixels_at_, (rows - 1) * stride() + row_bytes());
    Image image({channels_, height_, width_});
    for (std::size_t y = 0; y < rows; ++y) {
      const std::uint8_t* row = pixels + (top_down_ ? y : rows - 1 - y) * stride();
      decode_row(row, image.samples.data() + y * image.row_bytes());
    }
    return image;
  }

  bool has_profile() const {
    constexpr std::size_t kEmbedded = 0x4d424544;
    return header_ == kVersion5 && file_.little32(kHeaders + 56) == kEmbedded;
  }

 private:
  DamagedError damaged(const std::string& cause) const {
    return DamagedError(file_.name + ": the BMP file is damaged (" + cause + ")");
  }

  std::size_t masks() const { return compression_ == kAlphaBitFields ? 4 : 3; }
  std::size_t row_bytes() const { return (static_cast<std::size_t>(width_) * bits_ + 7) / 8; }
  std::size_t stride() const { return (row_bytes() + 3) / 4 * 4; }

  void read_size(std::uint64_t max_pixels) {
    pixels_at_ = file_.little32(10);
    header_ = file_.little32(kHeaders);
    constexpr std::size_t kKnown[] = {kOs2, kPlain, 52, 56, kOs2Version2, 108, kVersion5};
    if (std::find(std::begin(kKnown), std::end(kKnown), header_) == std::end(kKnown)) {
      throw UnsupportedError(file_.name + ": a BMP file with a header of " +
                             std::to_string(header_) + " bytes; convert it to PNG");
    }
    const bool small = header_ == kOs2;
    std::size_t width = small ? file_.little16(18) : file_.little32(18);
    std::size_t height = small ? file_.little16(20) : file_.little32(22);
    const std::size_t planes_at = small ? 22 : 26;
    if (!small && height >> 31 != 0) {  // a negative number: rows from top to bottom
      top_down_ = true;
      height = (std::size_t{1} << 32) - height;
    }
    check_dimensions(width, height, max_pixels, file_.name);
    width_ = static_cast<int>(width);
    height_ = static_cast<int>(height);
    if (file_.little16(planes_at) != 1) throw damaged("planes");
    bits_ = file_.little16(planes_at + 2);
    compression_ = small ? kNone : file_.little32(30);
    // Three is another compression there.
    if (header_ == kOs2Version2 && compression_ == kBitFields) compression_ = 1;
  }

  void read_palette() {
    const std::size_t at = kHeaders + header_;
    const std::size_t size = header_ == kOs2 ? 3 : 4;
    const std::size_t used = header_ == kOs2 ? 0 : file_.little32(46);
    std::size_t count = std::size_t{1} << bits_;
    if (used != 0) count = std::min(count, used);
    count = std::min(count, (pixels_at_ - at) / size);
    bool gray = true;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint8_t* entry = file_.bytes(at + i * size, size);
      palette_.push_back({entry[2], entry[1], entry[0]});
      gray = gray && entry[0] == entry[1] && entry[1] == entry[2];
    }
    channels_ = gray ? 1 : 3;
  }

  void read_fields() {
    std::array<std::size_t, 4> mask{0xff0000, 0xff00, 0xff, 0};
    if (bits_ == 16) mask = {31 << 10, 31 << 5, 31, 0};
    if (compression_ != kNone) {
      const bool alpha = header_ == kPlain ? masks() == 4 : header_ >= 56;
      for (std::size_t c = 0; c < (alpha ? 4U : 3U); ++c) {
        mask[c] = file_.little32(kHeaders + kPlain + 4 * c);
      }
    } else if (bits_ == 32 && has_fourth_byte()) {
      mask[3] = 0xff000000;
    }
    for (std::size_t c = 0; c < 4; ++c) fields_[c] = field(mask[c]);
    for (std::size_t c = 0; c < 3; ++c) {
      if (mask[c] == 0) throw damaged("a mask is empty");
    }
    channels_ = mask[3] == 0 ? 3 : 4;
  }

  Field field(std::size_t mask) const {
    Field field;
    field.mask = mask;
    if (mask == 0) return field;
    while ((mask >> field.shift & 1) == 0) ++field.shift;
    while ((mask >> (field.shift + field.bits) & 1) != 0) ++field.bits;
    if (mask >> (field.shift + field.bits) != 0 || field.shift + field.bits > bits_) {
      throw damaged("a mask is no run of bits");
    }
    if (field.bits > 8) {
      throw UnsupportedError(file_.name + ": a BMP file with " + std::to_string(field.bits) +
                             " bits a sample, which cannot be kept; convert it to a PNG of 16");
    }
    return field;
  }

  // The fourth byte of a pixel without masks means nothing, but many programs write alpha there.
  bool has_fourth_byte() const {
    const std::size_t count = static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_);
    const std::uint8_t* pixels = file_.bytes(pixels_at_, 4 * count);
    for (std::size_t i = 0; i < count; ++i) {
      if (pixels[4 * i + 3] != 0) return true;
    }
    return false;
  }

  void decode_row(const std::uint8_t* row, std::uint8_t* to) const {
    const std::size_t channels = static_cast<std::size_t>(channels_);
    for (std::size_t x = 0; x < static_cast<std::size_t>(width_); ++x, to += channels) {
      if (bits_ <= 8) {
        const std::size_t bit = x * bits_;
        const std::size_t index =
            std::size_t{row[bit / 8]} >> (8 - bits_ - bit % 8) & ((std::size_t{1} << bits_) - 1);
        if (index >= palette_.size()) {
          throw damaged("colour " + std::to_string(index) + " of a palette of " +
                        std::to_string(palette_.size()));
        }
        std::copy_n(palette_[index].data(), channels, to);
      } else {
        std::size_t pixel = 0;
        for (std::size_t k = 0; k < bits_ / 8; ++k) {
          pixel |= std::size_t{row[x * (bits_ / 8) + k]} << (8 * k);
        }
        for (std::size_t c = 0; c < channels; ++c) to[c] = fields_[c].sample(pixel);
      }
    }
  }

  static constexpr std::size_t kHeaders = 14;  // where the second header is
  // Sizes of the second header.
  static constexpr std::size_t kOs2 = 12;
  static constexpr std::size_t kPlain = 40;
  static constexpr std::size_t kOs2Version2 = 64;
  static constexpr std::size_t kVersion5 = 124;

  const FileView& file_;
  std::size_t pixels_at_ = 0;
  std::size_t header_ = 0;
  std::size_t bits_ = 0;  // a pixel
  std::size_t compression_ = kNone;
  int width_ = 0;
  int height_ = 0;
  int channels_ = 0;
  bool top_down_ = false;
  std::vector<std::array<std::uint8_t, 3>> palette_;
  std::array<Field, 4> fields_;
};

}  // namespace

bool is_bmp(const FileView& file) { return file.starts_with("BM", 2); }

ImageHeader probe_bmp(const FileView& file, std::uint64_t max_pixels) {
  return Layout(file, max_pixels).header();
}

ImageFile decode_bmp(const FileView& file, std::uint64_t max_pixels) {
  const Layout layout(file, max_pixels);
  ImageFile result;
  result.image = layout.decode();
  if (layout.has_profile()) result.dropped.push_back("iCCP");
  return result;
}

}  // namespace pie

#include "lib/image/bmp_file.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::size_t kFileHeader = 14;  // bytes; a second header follows
// Sizes of the second header.
constexpr std::size_t kOs2 = 12;  // sides of two bytes, colours of three
constexpr std::size_t kOs2Short = 16, kOs2Long = 64;
constexpr std::size_t kPlain = 40;
constexpr std::size_t kMasks = 52, kAlphaMask = 56;
constexpr std::size_t kVersion4 = 108, kVersion5 = 124;

// What its pixels are stored as.
enum Compression : std::size_t { kNone = 0, kRuns8 = 1, kRuns4 = 2, kMasked = 3, kMaskedAlpha = 6 };

UnsupportedError unsupported(const FileView& file, const std::string& what) {
  return UnsupportedError(file.name + ": a BMP file with " + what + "; convert it to PNG");
}

DamagedError damaged(const FileView& file, const std::string& cause) {
  return DamagedError(file.name + ": the BMP file is damaged (" + cause + ")");
}

// The bits of a pixel that are a sample.
class SampleBits {
 public:
  SampleBits(const FileView& file, std::size_t mask, std::size_t pixel_bits) {
    if (mask == 0 || mask >> pixel_bits != 0) {
      throw damaged(file, "a mask selects no bits of a pixel");
    }
    while ((mask >> shift_ & 1) == 0) ++shift_;
    most_ = mask >> shift_;
    if ((most_ & (most_ + 1)) != 0) throw damaged(file, "a mask is no run of bits");
    if (most_ > 255) throw unsupported(file, "more than 8 bits a sample");
    for (std::size_t i = 0; i <= most_; ++i) {
      scaled_[i] = static_cast<std::uint8_t>((i * 255 + most_ / 2) / most_);
    }
  }

  std::uint8_t of(std::size_t pixel) const { return scaled_[pixel >> shift_ & most_]; }

 private:
  std::size_t shift_ = 0, most_ = 0;
  std::array<std::uint8_t, 256> scaled_{};
};

// What the headers say.
struct Layout {
  std::size_t width() const { return static_cast<std::size_t>(shape.width); }
  std::size_t height() const { return static_cast<std::size_t>(shape.height); }
  std::size_t row_bytes() const { return (width() * bits + 31) / 32 * 4; }
  bool runs() const { return compression == kRuns8 || compression == kRuns4; }

  Shape shape;
  bool top_down = false;
  std::size_t header = 0;  // bytes of the second one
  std::size_t compression = kNone;
  std::size_t pixels_at = 0;
  std::size_t bits = 0;  // a pixel
  std::vector<std::array<std::uint8_t, 3>> palette;
  std::vector<SampleBits> samples;  // where there is no palette
};

// A field of the second header; 0 if that is too short for it.
std::size_t field(const FileView& file, const Layout& layout, std::size_t at) {
  return at + 4 <= layout.header ? file.little32(kFileHeader + at) : 0;
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

void read_shape(const FileView& file, std::uint64_t max_pixels, Layout& layout) {
  std::size_t width = 0, height = 0;
  if (layout.header == kOs2) {
    width = file.little16(18);
    height = file.little16(20);
    layout.bits = file.little16(24);
  } else {
    width = file.little32(18);
    height = file.little32(22);
    layout.bits = file.little16(28);
  }
  // A negative number: rows from top to bottom.
  layout.top_down = height >> 31 != 0;
  if (layout.top_down) height = (std::size_t{1} << 32) - height;
  check_dimensions(width, height, max_pixels, file.name);
  layout.shape = {3, static_cast<int>(height), static_cast<int>(width)};
}

// Of the colours between the headers, which end at `at`, and the pixels.
void read_palette(const FileView& file, std::size_t at, Layout& layout) {
  const std::size_t entry = layout.header == kOs2 ? 3 : 4;
  std::size_t colors = std::min(std::size_t{1} << layout.bits, (layout.pixels_at - at) / entry);
  const std::size_t used = field(file, layout, 32);  // 0: as many as there can be
  if (used != 0) colors = std::min(colors, used);
  const std::uint8_t* from = file.bytes(at, entry * colors);
  bool gray = true;
  for (; colors > 0; --colors, from += entry) {
    layout.palette.push_back({from[2], from[1], from[0]});
    gray = gray && from[0] == from[1] && from[1] == from[2];
  }
  if (gray) layout.shape.channels = 1;
}

void read_samples(const FileView& file, std::size_t masks_at, std::size_t masks, Layout& layout) {
  const std::size_t bits = layout.bits;
  std::array<std::size_t, 4> mask{0xff0000, 0xff00, 0xff, 0};
  if (bits == 16) mask = {0x7c00, 0x3e0, 0x1f, 0};
  for (std::size_t c = 0; c < masks; ++c) mask[c] = file.little32(masks_at + 4 * c);
  if (masks == 0 && bits == 32 && has_fourth_byte(file, layout)) mask[3] = 0xff000000;
  layout.shape.channels = mask[3] != 0 ? 4 : 3;
  for (std::size_t c = 0; c < static_cast<std::size_t>(layout.shape.channels); ++c) {
    layout.samples.emplace_back(file, mask[c], bits);
  }
}

Layout read_layout(const FileView& file, std::uint64_t max_pixels) {
  Layout layout;
  layout.pixels_at = file.little32(10);
  layout.header = file.little32(kFileHeader);
  constexpr std::array kHeaders{kOs2,       kOs2Short, kPlain,    kMasks,
                                kAlphaMask, kOs2Long,  kVersion4, kVersion5};
  if (std::find(kHeaders.begin(), kHeaders.end(), layout.header) == kHeaders.end()) {
    throw unsupported(file, "a header of " + std::to_string(layout.header) + " bytes");
  }
  read_shape(file, max_pixels, layout);

  const std::size_t bits = layout.bits;
  const bool indices = bits == 1 || bits == 2 || bits == 4 || bits == 8;
  if (!indices && bits != 16 && bits != 24 && bits != 32) {
    throw unsupported(file, std::to_string(bits) + " bits a pixel");
  }
  const std::size_t compression = layout.compression = field(file, layout, 16);
  const bool masked = (compression == kMasked || compression == kMaskedAlpha) &&
                      (bits == 16 || bits == 32) && layout.header != kOs2Long;
  if (compression != kNone && !masked && !(compression == kRuns8 && bits == 8) &&
      !(compression == kRuns4 && bits == 4)) {
    throw unsupported(file, "compression " + std::to_string(compression));
  }
  if (layout.runs() && layout.top_down) throw damaged(file, "run lengths from top to bottom");

  // Masks are within the longer headers and follow the plain one.
  const std::size_t masks_at = kFileHeader + kPlain;
  std::size_t masks = masked ? 3 : 0;
  if (masked && (compression == kMaskedAlpha || layout.header >= kAlphaMask)) masks = 4;
  const std::size_t headers =
      std::max(kFileHeader + layout.header, masked ? masks_at + 4 * masks : 0);
  if (layout.pixels_at < headers) throw damaged(file, "no room for its headers");
  if (indices) {
    read_palette(file, headers, layout);
  } else {
    read_samples(file, masks_at, masks, layout);
  }
  return layout;
}

// Puts one row of pixels into the image.
class RowWriter {
 public:
  RowWriter(const FileView& file, const Layout& layout, Image& image)
      : file_(file), layout_(layout), image_(image) {}

  // `y`: the row in the order of the file.
  void put(std::size_t y, const std::uint8_t* from, std::size_t bits) {
    if (!layout_.top_down) y = layout_.height() - 1 - y;
    std::uint8_t* to = image_.samples.data() + y * image_.row_bytes();
    const auto channels = static_cast<std::size_t>(layout_.shape.channels);
    for (std::size_t x = 0; x < layout_.width(); ++x, to += channels) {
      const std::size_t pixel = pixel_at(from, x, bits);
      if (!layout_.samples.empty()) {
        for (std::size_t c = 0; c < channels; ++c) to[c] = layout_.samples[c].of(pixel);
        continue;
      }
      if (pixel >= layout_.palette.size()) {
        throw damaged(file_, "colour " + std::to_string(pixel) + " of a palette of " +
                                 std::to_string(layout_.palette.size()));
      }
      std::copy_n(layout_.palette[pixel].begin(), channels, to);
    }
  }

 private:
  static std::size_t pixel_at(const std::uint8_t* row, std::size_t x, std::size_t bits) {
    if (bits < 8) {
      const std::size_t bit = x * bits;
      return static_cast<std::size_t>(row[bit / 8]) >> (8 - bits - bit % 8) &
             ((std::size_t{1} << bits) - 1);
    }
    std::size_t pixel = 0;
    row += x * bits / 8;
    for (std::size_t k = bits / 8; k-- > 0;) pixel = pixel << 8 | row[k];
    return pixel;
  }

  const FileView& file_;
  const Layout& layout_;
  Image& image_;
};

// Pixels as run lengths, an index a byte. No pixel may be left out: the format does not say what
// it would be.
class RunReader {
 public:
  RunReader(const FileView& file, const Layout& layout)
      : file_(file),
        nibbles_(layout.compression == kRuns4),
        at_(layout.pixels_at),
        width_(layout.width()) {}

  Bytes next_row() {
    Bytes row;
    // The end of the row before may be marked.
    bool may_end = !first_;
    first_ = false;
    while (row.size() < width_) {
      const std::size_t count = file_.u8(at_), value = file_.u8(at_ + 1);
      at_ += 2;
      if (count > 0) {
        add_run(row, count, value);
      } else if (value >= kFirstLiteral) {
        add_literals(row, value);
      } else {
        if (value != kEndOfRow || !row.empty() || !may_end) {
          throw unsupported(file_, "run lengths that leave out pixels");
        }
        may_end = false;
      }
      if (row.size() > width_) throw damaged(file_, "a run beyond its row");
    }
    return row;
  }

 private:
  static constexpr std::size_t kEndOfRow = 0;  // 1: of the image, 2: a move
  static constexpr std::size_t kFirstLiteral = 3;

  void add_run(Bytes& row, std::size_t count, std::size_t value) const {
    for (std::size_t i = 0; i < count; ++i) row.push_back(index(value, i));
  }
  void add_literals(Bytes& row, std::size_t count) {
    const std::size_t each = nibbles_ ? 2 : 1, bytes = (count + each - 1) / each;
    const std::uint8_t* from = file_.bytes(at_, bytes);
    for (std::size_t i = 0; i < count; ++i) row.push_back(index(from[i / each], i));
    at_ += bytes + bytes % 2;
  }
  std::uint8_t index(std::size_t value, std::size_t i) const {
    if (!nibbles_) return static_cast<std::uint8_t>(value);
    return static_cast<std::uint8_t>(i % 2 == 0 ? value >> 4 : value & 15);
  }

  const FileView& file_;
  bool nibbles_, first_ = true;
  std::size_t at_, width_;
};

void collect_metadata(const FileView& file, const Layout& layout, ImageFile& result) {
  constexpr std::size_t kEmbedded = 0x4d424544, kLinked = 0x4c494e4b;
  const std::size_t colors = layout.header >= kVersion4 ? field(file, layout, 56) : 0;
  if (colors == kEmbedded && layout.header == kVersion5) {
    const std::size_t at = kFileHeader + field(file, layout, 112), size = field(file, layout, 116);
    const std::uint8_t* profile = file.bytes(at, size);
    result.metadata.push_back(icc_profile_item(Bytes(profile, profile + size)));
  } else if (colors == kLinked) {
    result.dropped.emplace_back("a colour profile in another file");
  }
  constexpr std::size_t kMost = 0x7FFFFFFF;
  const std::size_t x = field(file, layout, 24), y = field(file, layout, 28);
  if (x > 0 && y > 0 && x <= kMost && y <= kMost) {
    result.metadata.push_back(
        density_item(static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y), true));
  }
}

}  // namespace

bool is_bmp(const FileView& file) { return file.starts_with("BM", 2); }

ImageHeader probe_bmp(const FileView& file, std::uint64_t max_pixels) {
  return {read_layout(file, max_pixels).shape, 8};
}

ImageFile decode_bmp(const FileView& file, std::uint64_t max_pixels) {
  const Layout layout = read_layout(file, max_pixels);
  // Before memory is taken: that all is there, as far as can be told.
  constexpr std::size_t kMostInRun = 255;  // pixels in two bytes
  const std::size_t pixels = layout.width() * layout.height();
  file.bytes(layout.pixels_at,
             layout.runs() ? pixels / kMostInRun * 2 : layout.height() * layout.row_bytes());
  ImageFile result;
  result.image = Image(layout.shape);
  RowWriter rows(file, layout, result.image);
  RunReader runs(file, layout);
  for (std::size_t y = 0; y < layout.height(); ++y) {
    if (layout.runs()) {
      rows.put(y, runs.next_row().data(), 8);
    } else {
      rows.put(y, file.data + layout.pixels_at + y * layout.row_bytes(), layout.bits);
    }
  }
  collect_metadata(file, layout, result);
  return result;
}

}  // namespace pie

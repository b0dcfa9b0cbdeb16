#include "lib/image/tiff_file.h"

#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/image/exif.h"

namespace pie {
namespace {

struct Close {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};

class Reader {
 public:
  Reader(const FileView& file, std::uint64_t max_pixels) : file_(file) {
    errno = 0;
    // More than any strip of an image that we take.
    constexpr tmsize_t kMostAtOnce = tmsize_t{1} << 31;
    const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
        TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMostAtOnce);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_message, this);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore_warning, nullptr);
    tiff_.reset(TIFFClientOpenExt("TIFF", "rm", this, read, write, seek, close, size, nullptr,
                                  nullptr, options.get()));
    if (tiff_ == nullptr) fail();
    read_header(max_pixels);
  }

  ImageHeader header() const { return header_; }

  ImageFile decode() {
    ImageFile file;
    image_.shape = header_.shape;
    image_.bits = header_.bits;
    const bool tiled = TIFFIsTiled(tiff_.get()) != 0;
    Block block{0, 0, height_, width_, 0};
    const auto rows = tiled
                          ? field<std::uint32_t>(TIFFTAG_TILELENGTH, 0)
                          : std::min(field<std::uint32_t>(TIFFTAG_ROWSPERSTRIP, height_), height_);
    const auto columns = tiled ? field<std::uint32_t>(TIFFTAG_TILEWIDTH, 0) : width_;
    if (rows == 0 || columns == 0) throw damaged("empty strips");
    // Row by row of blocks, so that an image which claims to be large costs no memory unless it is.
    for (block.y = 0; block.y < height_; block.y += rows) {
      block.rows = std::min(rows, height_ - block.y);
      image_.samples.resize((block.y + block.rows) * image_.row_bytes());
      for (block.plane = 0; block.plane < (separate_ ? samples_ : 1); ++block.plane) {
        for (block.x = 0; block.x < width_; block.x += columns) {
          block.columns = std::min(columns, width_ - block.x);
          read_block(block, tiled, columns);
        }
      }
    }
    file.image = std::move(image_);
    collect_metadata(&file);
    return file;
  }

 private:
  // A strip or tile, as far as it lies within the image.
  struct Block {
    std::uint32_t y, x, rows, columns;
    std::uint16_t plane;
  };

  static int keep_message(TIFF*, void* self, const char*, const char* format, va_list values) {
    auto& reader = *static_cast<Reader*>(self);
    auto& message = reader.message_;
    // libtiff says of memory that was refused what it says of a file that asks for too much.
    if (errno == ENOMEM) reader.no_memory_ = true;
    if (message[0] == 0) std::vsnprintf(message.data(), message.size(), format, values);
    return 1;
  }
  static int ignore_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }
  static tmsize_t read(thandle_t self, void* to, tmsize_t wanted) {
    auto& reader = *static_cast<Reader*>(self);
    const std::uint64_t size = reader.file_.size;
    const auto there = static_cast<tmsize_t>(size - std::min(reader.at_, size));
    if (wanted > there) reader.ended_ = true;
    const tmsize_t count = std::min(wanted, there);
    std::copy_n(reader.file_.data + (count > 0 ? reader.at_ : 0), count,
                static_cast<std::uint8_t*>(to));
    reader.at_ += static_cast<std::uint64_t>(count);
    return count;
  }
  static tmsize_t write(thandle_t, void*, tmsize_t) { return -1; }
  static toff_t seek(thandle_t self, toff_t offset, int whence) {
    auto& reader = *static_cast<Reader*>(self);
    const std::uint64_t base = whence == SEEK_CUR   ? reader.at_
                               : whence == SEEK_END ? reader.file_.size
                                                    : 0;
    return reader.at_ = base + offset;
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t self) { return static_cast<Reader*>(self)->file_.size; }

  template <typename T>
  T field(std::uint32_t tag, T otherwise) const {
    T value{};
    return TIFFGetFieldDefaulted(tiff_.get(), tag, &value) != 0 ? value : otherwise;
  }

  DamagedError damaged(const std::string& cause) const {
    return DamagedError(file_.name + ": the TIFF file is damaged (" + cause + ")");
  }
  [[noreturn]] void fail() const {
    if (no_memory_) throw std::bad_alloc();
    if (ended_) throw TruncatedError(file_.name + ": the TIFF file ends early");
    throw damaged(message_.data());
  }
  UnsupportedError unsupported(const std::string& what) const {
    return UnsupportedError(file_.name + ": a TIFF file with " + what +
                            "; convert it to gray or RGB of 8 or 16 bits");
  }

  void read_header(std::uint64_t max_pixels) {
    width_ = field<std::uint32_t>(TIFFTAG_IMAGEWIDTH, 0);
    height_ = field<std::uint32_t>(TIFFTAG_IMAGELENGTH, 0);
    check_dimensions(width_, height_, max_pixels, file_.name);
    bits_ = field<std::uint16_t>(TIFFTAG_BITSPERSAMPLE, 1);
    samples_ = field<std::uint16_t>(TIFFTAG_SAMPLESPERPIXEL, 1);
    separate_ = samples_ > 1 && field<std::uint16_t>(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) ==
                                    PLANARCONFIG_SEPARATE;
    photometric_ = field<std::uint16_t>(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    const auto format = field<std::uint16_t>(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID) {
      throw unsupported("signed or floating-point samples");
    }
    if (photometric_ == PHOTOMETRIC_YCBCR &&
        field<std::uint16_t>(TIFFTAG_COMPRESSION, 0) == COMPRESSION_JPEG) {
      TIFFSetField(tiff_.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
      photometric_ = PHOTOMETRIC_RGB;
    }
    const bool gray =
        photometric_ == PHOTOMETRIC_MINISBLACK || photometric_ == PHOTOMETRIC_MINISWHITE;
    const bool palette = photometric_ == PHOTOMETRIC_PALETTE;
    if (!gray && !palette && photometric_ != PHOTOMETRIC_RGB) {
      throw unsupported("other colours (photometric " + std::to_string(photometric_) + ")");
    }
    const bool narrow = bits_ == 1 || bits_ == 2 || bits_ == 4;
    if (!(narrow && samples_ == 1) && bits_ != 8 && (bits_ != 16 || palette)) {
      throw unsupported(std::to_string(bits_) + " bits a sample");
    }
    const int colors = gray || palette ? 1 : 3;
    check_alpha(colors);
    if (palette) read_palette();
    header_.shape = {palette ? 3 : samples_, height_, width_};
    header_.bits = bits_ == 16 || (palette && wide_palette_) ? 16 : 8;
  }

  void check_alpha(int colors) const {
    const int extra = samples_ - colors;
    if (extra == 0) return;
    std::uint16_t count = 0;
    const std::uint16_t* kinds = nullptr;
    TIFFGetFieldDefaulted(tiff_.get(), TIFFTAG_EXTRASAMPLES, &count, &kinds);
    if (extra != 1 || photometric_ == PHOTOMETRIC_PALETTE || count != 1 || kinds == nullptr ||
        *kinds != EXTRASAMPLE_UNASSALPHA) {
      throw unsupported(count == 1 && kinds != nullptr && *kinds == EXTRASAMPLE_ASSOCALPHA
                            ? "premultiplied alpha"
                            : std::to_string(samples_) + " samples a pixel");
    }
  }

  void read_palette() {
    std::array<const std::uint16_t*, 3> maps{};
    if (TIFFGetField(tiff_.get(), TIFFTAG_COLORMAP, &maps[0], &maps[1], &maps[2]) == 0) {
      throw damaged("no palette");
    }
    bool bytes = true, repeated = true, shifted = true;  // how eight bits may be written as sixteen
    for (const auto* map : maps) {
      for (std::size_t i = 0; i < std::size_t{1} << bits_; ++i) {
        palette_.push_back(map[i]);
        bytes = bytes && map[i] < 256;
        repeated = repeated && map[i] % 257 == 0;
        shifted = shifted && map[i] % 256 == 0;
      }
    }
    wide_palette_ = !bytes && !repeated && !shifted;
    if (wide_palette_) return;
    for (auto& color : palette_) {
      if (!bytes) color = static_cast<std::uint16_t>(color >> 8);
    }
  }

  void read_block(const Block& block, bool tiled, std::uint32_t columns) {
    auto* tiff = tiff_.get();
    const auto index = tiled ? TIFFComputeTile(tiff, block.x, block.y, 0, block.plane)
                             : TIFFComputeStrip(tiff, block.y, block.plane);
    const tmsize_t size = tiled ? TIFFTileSize(tiff) : TIFFVStripSize(tiff, block.rows);
    // No compression that there is makes so much of so little.
    constexpr std::uint64_t kMostRatio = 1 << 16, kMostBeyond = 1 << 26;
    const std::uint64_t stored =
        std::min<std::uint64_t>(TIFFGetStrileByteCount(tiff, index), file_.size);
    if (stored == 0) throw unsupported("strips that are left out");
    const auto whole = static_cast<std::uint64_t>(header_.shape.elements()) * 2;
    if (static_cast<std::uint64_t>(size) > whole + kMostBeyond)
      throw damaged("a tile is too large");
    if (size <= 0 || static_cast<std::uint64_t>(size) / kMostRatio > stored) {
      throw damaged("a strip is too short");
    }
    buffer_.resize(static_cast<std::size_t>(size));
    const tmsize_t got = tiled ? TIFFReadEncodedTile(tiff, index, buffer_.data(), size)
                               : TIFFReadEncodedStrip(tiff, index, buffer_.data(), size);
    if (got != size) fail();
    const std::size_t here = separate_ ? 1 : samples_;
    const std::size_t row = (static_cast<std::size_t>(columns) * here * bits_ + 7) / 8;
    if (row * block.rows > buffer_.size()) throw damaged("a strip is too short");
    for (std::uint32_t y = 0; y < block.rows; ++y) put_row(block, y, buffer_.data() + y * row);
  }

  void put_row(const Block& block, std::uint32_t y, const std::uint8_t* from) {
    const std::size_t here = separate_ ? 1 : samples_;
    const auto channels = static_cast<std::size_t>(image_.shape.channels);
    const std::size_t wide = image_.bytes_per_sample();
    std::uint8_t* to = image_.samples.data() + (block.y + y) * image_.row_bytes() +
                       (block.x * channels + block.plane) * wide;
    const auto put = [&](std::uint8_t* at, unsigned value) {
      if (wide == 2) *at++ = static_cast<std::uint8_t>(value >> 8);
      *at = static_cast<std::uint8_t>(value & 255);
    };
    for (std::size_t i = 0; i < block.columns * here; ++i) {
      const unsigned value = sample(from, i, separate_ ? block.plane : i % samples_);
      std::uint8_t* at = to + (separate_ ? i * channels : i) * wide;
      if (palette_.empty()) {
        put(at, value);
        continue;
      }
      at = to + i * channels * wide;
      for (std::size_t c = 0; c < 3; ++c) put(at + c * wide, palette_[(c << bits_) + value]);
    }
  }

  // Sample `i` of a row, of this channel, in full range unless it is an index of a palette.
  unsigned sample(const std::uint8_t* row, std::size_t i, std::size_t channel) const {
    const unsigned most = (1U << bits_) - 1;
    unsigned value = 0;
    if (bits_ == 16) {
      std::uint16_t native = 0;  // libtiff has put its bytes in this machine's order
      std::copy_n(row + 2 * i, 2, reinterpret_cast<std::uint8_t*>(&native));
      value = native;
    } else {
      const std::size_t bit = i * bits_;
      value = row[bit / 8] >> (8 - bits_ - bit % 8) & most;
    }
    if (photometric_ == PHOTOMETRIC_MINISWHITE && channel == 0) value = most - value;
    return bits_ < 8 && palette_.empty() ? value * 255 / most : value;
  }

  void collect_metadata(ImageFile* file) {
    auto* tiff = tiff_.get();
    const auto blob = [&](std::uint32_t tag) {
      std::uint32_t count = 0;
      const void* data = nullptr;
      if (TIFFGetField(tiff, tag, &count, &data) == 0 || data == nullptr) return Bytes();
      const auto* bytes = static_cast<const std::uint8_t*>(data);
      return Bytes(bytes, bytes + count);
    };
    if (const Bytes icc = blob(TIFFTAG_ICCPROFILE); !icc.empty()) {
      file->metadata.push_back(icc_profile_item(icc));
    }
    if (const Bytes xmp = blob(TIFFTAG_XMLPACKET); !xmp.empty()) {
      file->metadata.push_back(xmp_item(xmp));
    }
    add_density(file);
    add_exif(file);
    for (const auto& [tag, name] :
         {std::pair(TIFFTAG_RICHTIFFIPTC, "IPTC"), {TIFFTAG_PHOTOSHOP, "Photoshop's own blocks"}}) {
      std::uint64_t first = 0;
      const void* second = nullptr;
      if (TIFFGetField(tiff, static_cast<std::uint32_t>(tag), &first, &second) != 0) {
        file->dropped.emplace_back(name);
      }
    }
    if (TIFFReadDirectory(tiff) != 0) file->dropped.emplace_back("further pages");
  }

  void add_density(ImageFile* file) const {
    float x = 0, y = 0;
    if (TIFFGetField(tiff_.get(), TIFFTAG_XRESOLUTION, &x) == 0 ||
        TIFFGetField(tiff_.get(), TIFFTAG_YRESOLUTION, &y) == 0) {
      return;
    }
    const auto unit = field<std::uint16_t>(TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
    constexpr double kInchesPerMetre = 1 / 0.0254, kCentimetresPerMetre = 100;
    const double factor = unit == RESUNIT_INCH         ? kInchesPerMetre
                          : unit == RESUNIT_CENTIMETER ? kCentimetresPerMetre
                                                       : 1;
    const double per_x = std::round(x * factor), per_y = std::round(y * factor);
    constexpr double kMost = 0x7FFFFFFF;
    if (!(per_x >= 1 && per_x <= kMost && per_y >= 1 && per_y <= kMost)) return;
    file->metadata.push_back(density_item(static_cast<std::uint32_t>(per_x),
                                          static_cast<std::uint32_t>(per_y), unit != RESUNIT_NONE));
  }

  void add_exif(ImageFile* file) const {
    try {
      Exif exif = read_exif(file_);
      // It says nothing if it says that the first row is on top.
      const auto upright = [&](const ExifTag& tag) {
        return tag.id == TIFFTAG_ORIENTATION &&
               field<std::uint16_t>(TIFFTAG_ORIENTATION, 0) <= ORIENTATION_TOPLEFT;
      };
      exif.tags.erase(std::remove_if(exif.tags.begin(), exif.tags.end(), upright), exif.tags.end());
      if (!exif.tags.empty()) file->metadata.push_back(exif_item(exif_block(exif)));
    } catch (const Error&) {
      file->dropped.emplace_back("damaged Exif");
    }
  }

  const FileView& file_;
  std::uint64_t at_ = 0;
  bool ended_ = false;
  bool no_memory_ = false;
  std::array<char, 256> message_{};
  std::unique_ptr<TIFF, Close> tiff_;
  ImageHeader header_;
  std::uint32_t width_ = 0, height_ = 0;
  std::uint16_t bits_ = 0, samples_ = 0, photometric_ = 0;
  bool separate_ = false;               // planes, instead of samples side by side
  std::vector<std::uint16_t> palette_;  // all reds, all greens, all blues
  bool wide_palette_ = false;           // its colours need 16 bits
  Image image_;
  Bytes buffer_;
};

}  // namespace

bool is_tiff(const FileView& file) {
  constexpr std::size_t kMagic = 4;
  return file.starts_with("II*\0", kMagic) || file.starts_with("MM\0*", kMagic) ||
         file.starts_with("II+\0", kMagic) || file.starts_with("MM\0+", kMagic);
}

ImageHeader probe_tiff(const FileView& file, std::uint64_t max_pixels) {
  return Reader(file, max_pixels).header();
}

ImageFile decode_tiff(const FileView& file, std::uint64_t max_pixels) {
  return Reader(file, max_pixels).decode();
}

}  // namespace pie

// Writing TIFF files: compressed without loss, with what of an image's metadata such files have
// tags for.
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <new>
#include <optional>

#include "lib/base/error.h"
#include "lib/image/exif.h"
#include "lib/image/tiff_file.h"

namespace pie {
namespace {

struct Close {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};

// A file in memory, as libtiff wants one.
struct Output {
  Bytes bytes;
  std::uint64_t at = 0;

  static tmsize_t read(thandle_t self, void* to, tmsize_t wanted) {
    auto& out = *static_cast<Output*>(self);
    const std::uint64_t size = out.bytes.size();
    const auto count = static_cast<tmsize_t>(
        std::min<std::uint64_t>(static_cast<std::uint64_t>(wanted), size - std::min(out.at, size)));
    std::copy_n(out.bytes.data() + (count > 0 ? out.at : 0), count, static_cast<std::uint8_t*>(to));
    out.at += static_cast<std::uint64_t>(count);
    return count;
  }
  static tmsize_t write(thandle_t self, void* from, tmsize_t count) {
    auto& out = *static_cast<Output*>(self);
    const std::uint64_t end = out.at + static_cast<std::uint64_t>(count);
    try {
      if (end > out.bytes.size()) out.bytes.resize(end);
    } catch (const std::bad_alloc&) {
      return -1;  // not through a library that is written in C
    }
    std::copy_n(static_cast<const std::uint8_t*>(from), count, out.bytes.data() + out.at);
    out.at = end;
    return count;
  }
  static toff_t seek(thandle_t self, toff_t offset, int whence) {
    auto& out = *static_cast<Output*>(self);
    const std::uint64_t base = whence == SEEK_CUR   ? out.at
                               : whence == SEEK_END ? out.bytes.size()
                                                    : 0;
    return out.at = base + offset;
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t self) { return static_cast<Output*>(self)->bytes.size(); }
};

int ignore(TIFF*, void*, const char*, const char*, va_list) { return 1; }

Exif exif_of(const MetadataItem& item) {
  return read_exif({item.data.data(), item.data.size(), "Exif"});
}

void set_metadata(TIFF* tiff, const MetadataItem& item) {
  if (const auto icc = icc_profile_of(item)) {
    TIFFSetField(tiff, TIFFTAG_ICCPROFILE, static_cast<std::uint32_t>(icc->size()), icc->data());
  } else if (const auto xmp = xmp_of(item)) {
    TIFFSetField(tiff, TIFFTAG_XMLPACKET, static_cast<std::uint32_t>(xmp->size()), xmp->data());
  } else if (const auto density = density_of(item)) {
    const double unit = density->per_metre ? 100 : 1;  // metres to centimetres
    TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT,
                 density->per_metre ? RESUNIT_CENTIMETER : RESUNIT_NONE);
    TIFFSetField(tiff, TIFFTAG_XRESOLUTION, density->x / unit);
    TIFFSetField(tiff, TIFFTAG_YRESOLUTION, density->y / unit);
  }
}

// Whether a tag of the first directory is what libtiff takes for it: the orientation, a directory
// or a text.
bool is_plain(const ExifTag& tag) {
  if (tag.id == TIFFTAG_ORIENTATION) return tag.type == TIFF_SHORT && tag.count == 1;
  return !tag.below.empty() ||
         (tag.type == TIFF_ASCII && !tag.value.empty() && tag.value.back() == 0 &&
          std::count(tag.value.begin(), tag.value.end(), 0) == 1);
}

// The tags of the first directory but for what is below it.
void set_plain_tags(TIFF* tiff, const Exif& exif) {
  for (const ExifTag& tag : exif.tags) {
    if (!is_plain(tag) || !tag.below.empty()) continue;
    if (tag.id == TIFFTAG_ORIENTATION) {
      TIFFSetField(tiff, tag.id, tag.value[exif.big_endian ? 1 : 0]);
    } else {
      TIFFSetField(tiff, tag.id, reinterpret_cast<const char*>(tag.value.data()));
    }
  }
}

// Directories below the first, as they are. libtiff puts its own behind all that there is.
void append_directories(TIFF* tiff, const Exif& exif, Output& out) {
  for (const ExifTag& tag : exif.tags) {
    if (tag.below.empty()) continue;
    if (out.bytes.size() % 2 != 0) out.bytes.push_back(0);
    const std::uint64_t at = out.bytes.size();
    const Bytes directory = exif_directory({exif.big_endian, tag.below}, at);
    out.bytes.insert(out.bytes.end(), directory.begin(), directory.end());
    TIFFSetField(tiff, tag.id, at);
  }
}

bool write_samples(TIFF* tiff, const Image& image) {
  constexpr std::size_t kStrip = std::size_t{1} << 18;  // bytes, about
  const std::size_t row = image.row_bytes(), height = static_cast<std::size_t>(image.shape.height);
  const std::size_t rows = std::clamp<std::size_t>(kStrip / row, 1, height);
  TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, static_cast<std::uint32_t>(rows));
  Bytes strip;
  for (std::size_t y = 0; y < height; y += rows) {
    const std::uint8_t* from = image.samples.data() + y * row;
    strip.assign(from, from + std::min(rows, height - y) * row);
    for (std::size_t i = 0; image.bits == 16 && i < strip.size(); i += 2) {
      const auto value = static_cast<std::uint16_t>(strip[i] << 8 | strip[i + 1]);
      std::copy_n(reinterpret_cast<const std::uint8_t*>(&value), 2, strip.data() + i);
    }
    if (TIFFWriteEncodedStrip(tiff, static_cast<std::uint32_t>(y / rows), strip.data(),
                              static_cast<tmsize_t>(strip.size())) < 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool tiff_keeps(const MetadataItem& item) {
  if (item.type != "eXIf") return icc_profile_of(item) || xmp_of(item) || density_of(item);
  try {
    const Exif exif = exif_of(item);
    return std::all_of(exif.tags.begin(), exif.tags.end(), is_plain) &&
           exif_block(exif) == item.data;
  } catch (const Error&) {
    return false;
  }
}

Bytes encode_tiff(const Image& image, const Metadata& metadata) {
  std::optional<Exif> exif;
  for (const MetadataItem& item : metadata) {
    if (item.type == "eXIf" && !exif) {
      try {
        exif = exif_of(item);
      } catch (const Error&) {
        continue;  // as tiff_keeps says
      }
    }
  }
  Output out;
  // In the byte order of the Exif block, which need not be changed then.
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
      TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), ignore, nullptr);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore, nullptr);
  const std::unique_ptr<TIFF, Close> handle(TIFFClientOpenExt(
      "TIFF", exif && exif->big_endian ? "wb" : "wl", &out, Output::read, Output::write,
      Output::seek, Output::close, Output::size, nullptr, nullptr, options.get()));
  TIFF* tiff = handle.get();
  if (tiff == nullptr) throw std::bad_alloc();
  const auto channels = static_cast<int>(image.shape.channels);
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(image.shape.width));
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(image.shape.height));
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, image.bits);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, channels);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, channels < 3 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB);
  if (channels % 2 == 0) {
    const std::uint16_t kind = EXTRASAMPLE_UNASSALPHA;
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &kind);
  }
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
  TIFFSetField(tiff, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL);
  for (const MetadataItem& item : metadata) set_metadata(tiff, item);
  if (exif) set_plain_tags(tiff, *exif);
  const bool written = write_samples(tiff, image) && TIFFFlushData(tiff) != 0;
  if (written && exif) append_directories(tiff, *exif, out);
  // Nothing but memory can be missing.
  if (!written || TIFFWriteDirectory(tiff) == 0) throw std::bad_alloc();
  return std::move(out.bytes);
}

}  // namespace pie

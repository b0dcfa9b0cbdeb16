// TIFF files of every layout that is taken give their samples, or a typed error.
#include "lib/image/tiff_file.h"

#include <tiffio.h>

#include <memory>

#include "lib/image/exif.h"
#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

Bytes text(const std::string& words) {
  Bytes bytes(words.begin(), words.end());
  bytes.push_back(0);
  return bytes;
}

// As this machine stores it.
Bytes in_native_order(std::uint16_t value) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
  return {bytes[0], bytes[1]};
}

bool is_big_endian() { return in_native_order(1)[1] == 1; }

ImageFile decode(const Bytes& file) { return decode_tiff(view_of(file), kMaxPixels); }

struct Layout {
  bool tiled = false, separate = false;
  int compression = COMPRESSION_NONE;
  const char* order = "w";  // "wl" and "wb": of bytes
};

class TiffFile : public TestWithFolder {
 protected:
  struct Close {
    void operator()(TIFF* tiff) const { TIFFClose(tiff); }
  };
  using Handle = std::unique_ptr<TIFF, Close>;

  Handle open(const char* mode = "w") const {
    return Handle(TIFFOpen(path("x.tif").c_str(), mode));
  }
  Bytes file() const { return Input(path("x.tif")).all(); }

  static void set_shape(TIFF* tiff, const Shape& shape, int bits, std::uint16_t photometric) {
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(shape.width));
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(shape.height));
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, static_cast<int>(shape.channels));
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, photometric);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 3);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  }

  // One row or tile row of samples as libtiff wants them: 16 bits in this machine's order.
  static Bytes native(const Image& image, std::int64_t y, std::int64_t x, std::int64_t columns,
                      int first, int channels) {
    Bytes out;
    for (std::int64_t i = x; i < x + columns; ++i) {
      for (int c = first; c < first + channels; ++c) {
        const bool inside = y < image.shape.height && i < image.shape.width;
        const auto value = static_cast<std::uint16_t>(inside ? image.at(y, i, c) : 0);
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
        if (image.bits == 16) {
          out.insert(out.end(), bytes, bytes + 2);
        } else {
          out.push_back(static_cast<std::uint8_t>(value));
        }
      }
    }
    return out;
  }

  Bytes encoded(const Image& image, const Layout& layout) const {
    constexpr int kTile = 16;
    const int channels = static_cast<int>(image.shape.channels);
    {
      const auto tiff = open(layout.order);
      set_shape(tiff.get(), image.shape, image.bits,
                channels < 3 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB);
      TIFFSetField(tiff.get(), TIFFTAG_COMPRESSION, layout.compression);
      if (layout.compression != COMPRESSION_NONE) {
        TIFFSetField(tiff.get(), TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL);
      }
      if (channels % 2 == 0) {
        const std::uint16_t kind = EXTRASAMPLE_UNASSALPHA;
        TIFFSetField(tiff.get(), TIFFTAG_EXTRASAMPLES, 1, &kind);
      }
      if (layout.separate) TIFFSetField(tiff.get(), TIFFTAG_PLANARCONFIG, PLANARCONFIG_SEPARATE);
      if (layout.tiled) {
        TIFFSetField(tiff.get(), TIFFTAG_TILEWIDTH, kTile);
        TIFFSetField(tiff.get(), TIFFTAG_TILELENGTH, kTile);
      }
      const int planes = layout.separate ? channels : 1, each = channels / planes;
      for (int p = 0; p < planes; ++p) {
        if (!layout.tiled) {
          for (int y = 0; y < image.shape.height; ++y) {
            auto row = native(image, y, 0, image.shape.width, p, each);
            EXPECT_EQ(TIFFWriteScanline(tiff.get(), row.data(), static_cast<std::uint32_t>(y),
                                        static_cast<std::uint16_t>(p)),
                      1);
          }
          continue;
        }
        for (int y = 0; y < image.shape.height; y += kTile) {
          for (int x = 0; x < image.shape.width; x += kTile) {
            Bytes tile;
            for (int r = 0; r < kTile; ++r) {
              const auto row = native(image, y + r, x, kTile, p, each);
              tile.insert(tile.end(), row.begin(), row.end());
            }
            EXPECT_GT(
                TIFFWriteTile(tiff.get(), tile.data(), static_cast<std::uint32_t>(x),
                              static_cast<std::uint32_t>(y), 0, static_cast<std::uint16_t>(p)),
                0);
          }
        }
      }
    }
    return file();
  }
};

TEST_F(TiffFile, EveryLayoutGivesTheSameSamples) {
  for (const int channels : {1, 2, 3, 4}) {
    for (const int bits : {8, 16}) {
      const Image image = noise_image({channels, 19, 37}, bits);
      for (const bool tiled : {false, true}) {
        for (const bool separate : {false, true}) {
          for (const int compression :
               {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE}) {
            for (const char* order : {"wl", "wb", "w8"}) {
              const Bytes bytes = encoded(image, {tiled, separate, compression, order});
              EXPECT_TRUE(is_tiff(view_of(bytes)));
              EXPECT_EQ(decode(bytes).image, image)
                  << channels << " " << bits << " " << tiled << separate << compression << order;
              EXPECT_EQ(probe_tiff(view_of(bytes), kMaxPixels).shape, image.shape);
            }
          }
        }
      }
    }
  }
}

TEST_F(TiffFile, NarrowSamplesFillTheRange) {
  for (const auto photometric : {PHOTOMETRIC_MINISBLACK, PHOTOMETRIC_MINISWHITE}) {
    for (const int bits : {1, 2, 4, 8}) {
      {
        const auto tiff = open();
        set_shape(tiff.get(), {1, 1, 8}, bits, static_cast<std::uint16_t>(photometric));
        Bytes row{0x1B, 0xE4, 0xFF, 0x00, 0x12, 0x34, 0x56, 0x78};
        EXPECT_EQ(TIFFWriteScanline(tiff.get(), row.data(), 0, 0), 1);
      }
      const Image image = decode(file()).image;
      const std::vector<int> stored =
          bits == 1   ? std::vector<int>{0, 0, 0, 1, 1, 0, 1, 1}
          : bits == 2 ? std::vector<int>{0, 1, 2, 3, 3, 2, 1, 0}
          : bits == 4 ? std::vector<int>{1, 11, 14, 4, 15, 15, 0, 0}
                      : std::vector<int>{0x1B, 0xE4, 0xFF, 0x00, 0x12, 0x34, 0x56, 0x78};
      for (int x = 0; x < 8; ++x) {
        const int full = stored[static_cast<std::size_t>(x)] * 255 / ((1 << bits) - 1);
        EXPECT_EQ(image.at(0, x), photometric == PHOTOMETRIC_MINISBLACK ? full : 255 - full);
      }
    }
  }
}

TEST_F(TiffFile, WhiteIsZeroOnlyInGray) {
  for (const bool separate : {false, true}) {
    {
      const auto tiff = open();
      set_shape(tiff.get(), {2, 1, 2}, 8, PHOTOMETRIC_MINISWHITE);
      const std::uint16_t kind = EXTRASAMPLE_UNASSALPHA;
      TIFFSetField(tiff.get(), TIFFTAG_EXTRASAMPLES, 1, &kind);
      if (separate) TIFFSetField(tiff.get(), TIFFTAG_PLANARCONFIG, PLANARCONFIG_SEPARATE);
      Bytes both{1, 30, 2, 40}, gray{1, 2}, alpha{30, 40};
      EXPECT_EQ(TIFFWriteScanline(tiff.get(), separate ? gray.data() : both.data(), 0, 0), 1);
      if (separate) {
        EXPECT_EQ(TIFFWriteScanline(tiff.get(), alpha.data(), 0, 1), 1);
      }
    }
    EXPECT_EQ(decode(file()).image.samples, (Bytes{254, 30, 253, 40})) << separate;
  }
}

TEST_F(TiffFile, PalettesBecomeTheirColours) {
  for (const bool wide : {false, true}) {
    std::array<std::vector<std::uint16_t>, 3> maps;
    for (int c = 0; c < 3; ++c) {
      for (int i = 0; i < 16; ++i) {
        maps.at(static_cast<std::size_t>(c))
            .push_back(static_cast<std::uint16_t>(257 * (i * 16 + c) + (wide ? 1 : 0)));
      }
    }
    {
      const auto tiff = open();
      set_shape(tiff.get(), {1, 1, 2}, 4, PHOTOMETRIC_PALETTE);
      TIFFSetField(tiff.get(), TIFFTAG_COLORMAP, maps[0].data(), maps[1].data(), maps[2].data());
      Bytes row{0x3F};
      EXPECT_EQ(TIFFWriteScanline(tiff.get(), row.data(), 0, 0), 1);
    }
    const Image image = decode(file()).image;
    EXPECT_EQ(image.shape, (Shape{3, 1, 2}));
    EXPECT_EQ(image.bits, wide ? 16 : 8);
    EXPECT_EQ(image.at(0, 0, 2), wide ? 257 * 50 + 1 : 50);
    EXPECT_EQ(image.at(0, 1, 0), wide ? 257 * 240 + 1 : 240);
  }
}

TEST_F(TiffFile, MetadataIsKept) {
  const Bytes profile{1, 2, 3, 4, 5};
  {
    const auto tiff = open();
    set_shape(tiff.get(), {1, 1, 1}, 8, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tiff.get(), TIFFTAG_ICCPROFILE, 5, profile.data());
    TIFFSetField(tiff.get(), TIFFTAG_XRESOLUTION, 300.0);
    TIFFSetField(tiff.get(), TIFFTAG_YRESOLUTION, 300.0);
    TIFFSetField(tiff.get(), TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
    TIFFSetField(tiff.get(), TIFFTAG_ORIENTATION, ORIENTATION_RIGHTTOP);
    TIFFSetField(tiff.get(), TIFFTAG_ARTIST, "somebody");
    Bytes row{7};
    EXPECT_EQ(TIFFWriteScanline(tiff.get(), row.data(), 0, 0), 1);
    TIFFWriteDirectory(tiff.get());
    set_shape(tiff.get(), {1, 1, 1}, 8, PHOTOMETRIC_MINISBLACK);
    EXPECT_EQ(TIFFWriteScanline(tiff.get(), row.data(), 0, 0), 1);
  }
  const ImageFile found = decode(file());
  EXPECT_EQ(found.dropped, (std::vector<std::string>{"further pages"}));
  ASSERT_EQ(found.metadata.size(), 3U);
  EXPECT_EQ(found.metadata[0].data, icc_profile_item(profile).data);
  EXPECT_EQ(found.metadata[1].data, density_item(11811, 11811, true).data);
  EXPECT_EQ(found.metadata[2].type, "eXIf");
  const Exif exif{is_big_endian(),
                  {{TIFFTAG_ORIENTATION, TIFF_SHORT, 1, in_native_order(6), {}},
                   {TIFFTAG_ARTIST, TIFF_ASCII, 9, text("somebody"), {}}}};
  EXPECT_EQ(found.metadata[2].data, exif_block(exif));
}

// What one writes the other reads.
TEST_F(TiffFile, WritesImagesOfEveryKind) {
  for (const int channels : {1, 2, 3, 4}) {
    for (const int bits : {8, 16}) {
      // One strip, several, and one of a row each.
      for (const Shape& shape :
           {Shape{channels, 1, 1}, {channels, 700, 300}, {channels, 3, 1 << 18}}) {
        const Image image = noise_image(shape, bits);
        const Bytes bytes = encode_tiff(image);
        EXPECT_TRUE(is_tiff(view_of(bytes)));
        EXPECT_EQ(decode(bytes).image, image) << channels << " " << bits << to_string(shape);
        EXPECT_TRUE(decode(bytes).metadata.empty());
        EXPECT_TRUE(decode(bytes).dropped.empty());
      }
    }
  }
  const Image flat({3, 500, 500});
  EXPECT_LT(encode_tiff(flat).size(), flat.samples.size() / 100);
}

// All that cameras write, in both byte orders: of their own types, in directories of their own.
Exif camera_exif(bool big_endian) {
  const Bytes third{0, 0, 0, 1, 0, 0, 0, 3};
  const std::vector<ExifTag> interchange{{1, TIFF_ASCII, 4, text("R98"), {}}};
  return {big_endian,
          {{TIFFTAG_IMAGEDESCRIPTION, TIFF_ASCII, 2, text("x"), {}},
           {TIFFTAG_MAKE, TIFF_ASCII, 10, text("A company"), {}},
           {TIFFTAG_ORIENTATION, TIFF_SHORT, 1, big_endian ? Bytes{0, 6} : Bytes{6, 0}, {}},
           {TIFFTAG_DATETIME, TIFF_ASCII, 20, text("2026:11:27 06:01:38"), {}},
           {TIFFTAG_EXIFIFD,
            TIFF_LONG,
            1,
            {},
            {{0x829A, TIFF_RATIONAL, 1, third, {}},
             {0x927C, TIFF_UNDEFINED, 5, {9, 8, 7, 6, 5}, {}},
             {0xA005, TIFF_LONG, 1, {}, interchange}}},
           {TIFFTAG_GPSIFD, TIFF_LONG, 1, {}, {{0, TIFF_BYTE, 4, {2, 3, 0, 0}, {}}}}}};
}

TEST_F(TiffFile, WritesMetadata) {
  for (const bool big_endian : {false, true}) {
    const Metadata metadata{icc_profile_item({1, 2, 3, 4, 5}), xmp_item(text("<x/>")),
                            density_item(11811, 2835, true),
                            exif_item(exif_block(camera_exif(big_endian)))};
    for (const MetadataItem& item : metadata) EXPECT_TRUE(tiff_keeps(item)) << item.type;
    const Image image = noise_image({3, 33, 70}, 16);
    const ImageFile found = decode(encode_tiff(image, metadata));
    EXPECT_EQ(found.image, image);
    EXPECT_TRUE(found.dropped.empty());
    ASSERT_EQ(found.metadata.size(), metadata.size());
    for (std::size_t i = 0; i < metadata.size(); ++i) {
      EXPECT_EQ(found.metadata[i].type, metadata[i].type);
      EXPECT_EQ(found.metadata[i].data, metadata[i].data) << metadata[i].type;
    }
  }
}

TEST_F(TiffFile, SaysWhichMetadataItCannotWrite) {
  Exif odd = camera_exif(false);
  odd.tags[0].value[0] = 0;  // an end within a text
  Exif number = camera_exif(true);
  number.tags[1].type = TIFF_BYTE;
  Bytes longer = exif_block(camera_exif(false));
  longer.push_back(1);
  for (const MetadataItem& item :
       {comment_item(text("words")), exif_item(exif_block(odd)), exif_item(exif_block(number)),
        exif_item(longer), exif_item({'M', 'M', 0}), exif_item({}), MetadataItem{"iCCP", {65, 0}},
        MetadataItem{"iCCP", {65, 0, 0, 1, 2, 3}}, MetadataItem{"pHYs", {1}}}) {
    EXPECT_FALSE(tiff_keeps(item)) << item.type;
    const Image image = noise_image({1, 2, 3});
    EXPECT_EQ(decode(encode_tiff(image, {item})).image, image);
  }
}

TEST_F(TiffFile, RefusesWhatItCannotKeep) {
  const auto refused = [&](std::uint32_t tag, int value, int bits, int channels,
                           std::uint16_t photometric) {
    {
      const auto tiff = open();
      set_shape(tiff.get(), {channels, 1, 4}, bits, photometric);
      TIFFSetField(tiff.get(), tag, value);
      Bytes row(64);
      EXPECT_EQ(TIFFWriteScanline(tiff.get(), row.data(), 0, 0), 1);
    }
    EXPECT_THROW(decode(file()), UnsupportedError) << tag << " " << value << " " << bits;
  };
  refused(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP, 32, 1, PHOTOMETRIC_MINISBLACK);
  refused(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_INT, 16, 1, PHOTOMETRIC_MINISBLACK);
  refused(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT, 32, 1, PHOTOMETRIC_MINISBLACK);
  refused(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT, 8, 4, PHOTOMETRIC_SEPARATED);
  refused(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT, 8, 3, PHOTOMETRIC_CIELAB);
}

TEST_F(TiffFile, CutsAndFlipsAreErrorsOrOtherImages) {
  const Bytes whole = encoded(noise_image({3, 9, 7}), {false, false, COMPRESSION_LZW, "wl"});
  for (std::size_t size = 4; size < whole.size(); ++size) {
    try {
      decode(cut(whole, size));
    } catch (const Error&) {
    }
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int bit : {0, 4, 7}) {
      Bytes flipped = whole;
      flipped[i] ^= static_cast<std::uint8_t>(1 << bit);
      try {
        decode(flipped);
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace pie

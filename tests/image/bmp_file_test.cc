// BMP files of all depths and headers give the colours that they define, or a typed error.
#include "lib/image/bmp_file.h"

#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ImageFile decode(const Bytes& file) { return decode_bmp(view_of(file), kMaxPixels); }
ImageFile decode(const BmpParts& parts) { return decode(make_bmp(parts)); }

// Three colours and a gray, as a file has them.
const Bytes kColors{0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 7, 7, 7, 0};
const Bytes kGrays{0, 0, 0, 0, 255, 255, 255, 0};

// A row of 8-bit indices.
BmpParts with_palette(const Bytes& palette, const Bytes& indices) {
  BmpParts parts;
  parts.width = static_cast<int>(indices.size());
  parts.height = 1;
  parts.bits = 8;
  parts.palette = palette;
  parts.rows = {indices};
  return parts;
}

// One pixel of 16 or 32 bits with masks; a fourth one needs a longer header.
BmpParts with_masks(std::uint16_t bits, const std::vector<std::uint32_t>& masks,
                    const Bytes& pixel) {
  BmpParts parts;
  parts.width = 1;
  parts.height = 1;
  parts.bits = bits;
  parts.compression = 3;
  if (masks.size() == 4) parts.header = 108;
  parts.masks = masks;
  parts.rows = {pixel};
  return parts;
}

TEST(BmpFile, KeepsSamples) {
  for (const int channels : {3, 4}) {
    for (const int width : {1, 2, 3, 4, 7}) {
      const Image image = noise_image({channels, 5, width});
      const Bytes file = encode_bmp(image);
      EXPECT_EQ(decode(file).image, image);
      EXPECT_EQ(probe_bmp(view_of(cut(file, channels == 3 ? 54 : 122)), kMaxPixels).shape,
                image.shape);
      EXPECT_TRUE(decode(file).dropped.empty());
    }
  }
}

TEST(BmpFile, RowsMayRunFromTopToBottom) {
  const Image image = noise_image({3, 5, 7});
  BmpParts parts;
  parts.width = 7;
  parts.height = -5;
  parts.rows = reversed_rows(image);
  std::reverse(parts.rows.begin(), parts.rows.end());
  EXPECT_EQ(decode(parts).image, image);
  EXPECT_EQ(probe_bmp(view_of(make_bmp(parts)), kMaxPixels).shape, image.shape);
}

TEST(BmpFile, PalettesOfEveryDepth) {
  const Bytes wanted{255, 0, 0, 0, 0, 255, 7, 7, 7, 0, 255, 0};
  BmpParts parts = with_palette(kColors, {0, 2, 3, 1});
  EXPECT_EQ(decode(parts).image.shape, (Shape{3, 1, 4}));
  EXPECT_EQ(decode(parts).image.samples, wanted);
  parts.bits = 4;
  parts.rows = {{0x02, 0x31}};
  EXPECT_EQ(decode(parts).image.samples, wanted);
  parts.bits = 1;
  parts.width = 10;
  parts.rows = {{0x80, 0x40}};
  parts.palette.resize(8);
  EXPECT_EQ(decode(parts).image.samples,
            (Bytes{0,   255, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0,   0,
                   255, 0,   0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0,   255, 0}));
}

TEST(BmpFile, PaletteOfGraysMakesAGrayImage) {
  const BmpParts parts = with_palette(kGrays, {1, 0, 1});
  EXPECT_EQ(decode(parts).image.shape, (Shape{1, 1, 3}));
  EXPECT_EQ(decode(parts).image.samples, (Bytes{255, 0, 255}));
  EXPECT_EQ(probe_bmp(view_of(make_bmp(parts)), kMaxPixels).shape, (Shape{1, 1, 3}));
}

TEST(BmpFile, ColoursThatThePaletteLacksAreDamage) {
  // The palette ends where the pixels begin, and where the header says.
  EXPECT_NO_THROW(decode(with_palette(kColors, {3})));
  EXPECT_THROW(decode(with_palette(kColors, {4})), DamagedError);
  BmpParts parts = with_palette(kColors, {3});
  parts.used = 3;
  EXPECT_TRUE(contains(message_of<DamagedError>([&] { decode(parts); }), "colour 3 of a palette"));
  parts.used = 1U << 31;
  EXPECT_NO_THROW(decode(parts));
  // A few more bytes before the pixels are no colour.
  parts.used = 0;
  parts.rows = {{3, 0}};
  parts.width = 2;
  parts.gap = 3;
  EXPECT_NO_THROW(decode(parts));
  parts.rows = {{3, 4}};
  EXPECT_THROW(decode(parts), DamagedError);
  parts = with_palette(kGrays, {});
  parts.width = 2;
  parts.bits = 4;
  for (const std::uint8_t pair : {std::uint8_t{0x20}, std::uint8_t{0x02}}) {
    parts.rows = {{pair}};
    EXPECT_THROW(decode(parts), DamagedError);
  }
  parts.bits = 1;
  parts.palette.resize(4);
  parts.rows = {{0x00}};
  EXPECT_NO_THROW(decode(parts));
  parts.rows = {{0x40}};
  EXPECT_THROW(decode(parts), DamagedError);
  parts.palette.clear();
  EXPECT_THROW(decode(parts), DamagedError);
}

TEST(BmpFile, RefusesHeadersThatWouldBeMisread) {
  // Of OS/2, with and without a palette; with masks behind or beyond the plain one; of no kind.
  for (const std::uint32_t header : {12U, 41U, 52U, 56U, 64U}) {
    BmpParts parts = with_palette(kColors, {0});
    parts.header = header;
    EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { decode(parts); }), "a header of"));
    parts.bits = 24;
    EXPECT_THROW(decode(parts), UnsupportedError);
  }
}

TEST(BmpFile, MasksTellWhereSamplesAre) {
  const std::vector<std::uint32_t> k565{0xf800, 0x7e0, 0x1f};
  EXPECT_EQ(decode(with_masks(16, k565, {0xff, 0xff})).image.samples, (Bytes{255, 255, 255}));
  EXPECT_EQ(decode(with_masks(16, k565, {0x21, 0x08})).image.samples, (Bytes{8, 4, 8}));
  EXPECT_EQ(decode(with_masks(32, {0xff, 0xff00, 0xff0000}, {1, 2, 3, 4})).image.samples,
            (Bytes{1, 2, 3}));
  EXPECT_EQ(
      decode(with_masks(32, {0xff, 0xff00, 0xff0000, 0xff000000}, {1, 2, 3, 4})).image.samples,
      (Bytes{1, 2, 3, 4}));
  // Where there is alpha it is kept, even if all of it is 0.
  BmpParts parts = with_masks(32, {0xff, 0xff00, 0xff0000, 0xff000000}, {1, 2, 3, 0});
  parts.header = 124;
  EXPECT_EQ(decode(parts).image.samples, (Bytes{1, 2, 3, 0}));
  parts.masks[3] = 0;
  EXPECT_EQ(decode(parts).image.samples, (Bytes{1, 2, 3}));
  // Without masks, 16 bits are 5 each.
  parts = with_masks(16, {}, {0xff, 0x7f});
  parts.compression = 0;
  EXPECT_EQ(decode(parts).image.samples, (Bytes{255, 255, 255}));
  // Then masks in the header have no meaning.
  parts.header = 108;
  parts.masks = {0xff, 0xff, 0xff, 0x8000};
  EXPECT_EQ(decode(parts).image.samples, (Bytes{255, 255, 255}));

  EXPECT_THROW(decode(with_masks(32, {0x3ff, 0xffc00, 0x3ff00000}, {1, 2, 3, 4})),
               UnsupportedError);
  EXPECT_THROW(decode(with_masks(32, {0x5, 0xff00, 0xff0000}, {1, 2, 3, 4})), DamagedError);
  EXPECT_THROW(decode(with_masks(32, {0xff, 0, 0xff0000}, {1, 2, 3, 4})), DamagedError);
  EXPECT_THROW(decode(with_masks(16, {0xff, 0xff00, 0xff0000}, {1, 2})), DamagedError);
  EXPECT_THROW(decode(with_masks(32, {0xff, 0xff00, 0xff0000, 0x5000000}, {1, 2, 3, 4})),
               DamagedError);
}

TEST(BmpFile, FourthByteIsAlphaWhereItIsUsed) {
  BmpParts parts;
  parts.width = 2;
  parts.height = 1;
  parts.bits = 32;
  parts.rows = {{1, 2, 3, 0, 4, 5, 6, 0}};
  EXPECT_EQ(decode(parts).image.samples, (Bytes{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(probe_bmp(view_of(make_bmp(parts)), kMaxPixels).shape, (Shape{3, 1, 2}));
  parts.rows = {{1, 2, 3, 0, 4, 5, 6, 9}};
  EXPECT_EQ(decode(parts).image.samples, (Bytes{3, 2, 1, 0, 6, 5, 4, 9}));
  EXPECT_EQ(probe_bmp(view_of(make_bmp(parts)), kMaxPixels).shape, (Shape{4, 1, 2}));
}

TEST(BmpFile, PixelsFartherOnAreRefused) {
  BmpParts parts;
  parts.width = 1;
  parts.height = 1;
  parts.rows = {{1, 2, 3}};
  for (const std::size_t gap : {1U, 4U, 100U}) {
    parts.gap = gap;
    EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { decode(parts); }), "a gap"));
  }
  parts = with_palette(kColors, {0});
  parts.gap = 4 * 256;
  EXPECT_THROW(decode(parts), UnsupportedError);
  Bytes file = encode_bmp(noise_image({3, 1, 1}));
  file[10] = 53;
  EXPECT_THROW(decode(file), DamagedError);
}

TEST(BmpFile, RefusesOtherKindsByName) {
  BmpParts parts = with_palette(kColors, {0});
  for (const std::uint32_t compression : {1U, 2U, 3U, 4U, 5U, 6U}) {
    parts.compression = compression;
    EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { decode(parts); }),
                         "x: a BMP file with compression " + std::to_string(compression)));
  }
  parts.compression = 0;
  parts.bits = 2;
  EXPECT_THROW(decode(parts), UnsupportedError);
}

TEST(BmpFile, ListsAColourProfile) {
  BmpParts parts = with_palette(kColors, {0});
  parts.header = 124;
  EXPECT_TRUE(decode(parts).dropped.empty());
  Bytes file = make_bmp(parts);
  const std::string embedded = "DEBM";
  std::copy(embedded.begin(), embedded.end(), file.begin() + 14 + 56);
  EXPECT_EQ(decode(file).dropped, (std::vector<std::string>{"iCCP"}));
}

TEST(BmpFile, LyingDimensionsCostNoMemory) {
  BmpParts parts;
  parts.width = 1 << 14;
  parts.height = 1 << 14;
  EXPECT_THROW(decode(parts), TruncatedError);
  parts.height = static_cast<int>(0x80000000U);
  EXPECT_THROW(decode(parts), DamagedError);
  parts.width = -1;
  parts.height = 1;
  EXPECT_THROW(decode(parts), DamagedError);
}

}  // namespace
}  // namespace pie

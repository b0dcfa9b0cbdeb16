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
// The same as OS/2 writes them.
const Bytes kOs2Colors{0, 0, 255, 0, 255, 0, 255, 0, 0, 7, 7, 7};
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

TEST(BmpFile, HeadersOfEverySize) {
  const Image image = noise_image({3, 4, 3});
  BmpParts parts;
  parts.width = 3;
  parts.height = 4;
  parts.rows = reversed_rows(image);
  for (const std::uint32_t header : {12U, 16U, 40U, 52U, 56U, 64U, 108U, 124U}) {
    parts.header = header;
    EXPECT_EQ(decode(parts).image, image) << header;
    BmpParts colors = with_palette(header == 12 ? kOs2Colors : kColors, {0, 3, 1});
    colors.header = header;
    EXPECT_EQ(decode(colors).image.samples, (Bytes{255, 0, 0, 7, 7, 7, 0, 255, 0})) << header;
  }
  for (const std::uint32_t header : {0U, 39U, 41U, 125U}) {
    parts.header = header;
    EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { decode(parts); }), "a header of"));
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
  // The masks behind a plain header, four of them.
  parts = with_masks(32, {0xff, 0xff00, 0xff0000, 0xff000000}, {1, 2, 3, 4});
  parts.header = 40;
  parts.compression = 6;
  EXPECT_EQ(decode(parts).image.samples, (Bytes{1, 2, 3, 4}));
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

TEST(BmpFile, PixelsMayLieFartherOn) {
  for (const std::size_t gap : {1U, 4U, 100U, 4 * 256U}) {
    BmpParts parts;
    parts.width = 1;
    parts.height = 1;
    parts.rows = {{1, 2, 3}};
    parts.gap = gap;
    EXPECT_EQ(decode(parts).image.samples, (Bytes{3, 2, 1}));
    parts = with_palette(kColors, {1});
    parts.gap = gap;
    EXPECT_EQ(decode(parts).image.samples, (Bytes{0, 255, 0}));
  }
  Bytes file = encode_bmp(noise_image({3, 1, 1}));
  file[10] = 53;
  EXPECT_THROW(decode(file), DamagedError);
}

// Two rows of five pixels, the last row first.
BmpParts with_runs(std::uint16_t bits, const Bytes& runs) {
  BmpParts parts = with_palette(kColors, {});
  parts.width = 5;
  parts.height = 2;
  parts.bits = bits;
  parts.compression = bits == 8 ? 1 : 2;
  parts.rows = {runs};
  return parts;
}

TEST(BmpFile, RunLengths) {
  const auto rows = [](const Bytes& indices) {
    BmpParts plain = with_palette(kColors, {});
    plain.width = 5;
    plain.height = 2;
    plain.rows = {cut(indices, 5), Bytes(indices.begin() + 5, indices.end())};
    return decode(plain).image;
  };
  // A run, literals with their padding, ends of rows, or none.
  EXPECT_EQ(decode(with_runs(8, {5, 2, 0, 0, 2, 1, 0, 3, 3, 0, 2, 0, 0, 0, 0, 1})).image,
            rows({2, 2, 2, 2, 2, 1, 1, 3, 0, 2}));
  EXPECT_EQ(decode(with_runs(8, {5, 2, 4, 1, 1, 3})).image, rows({2, 2, 2, 2, 2, 1, 1, 1, 1, 3}));
  // Four bits: a run takes turns, literals fill bytes and then words.
  EXPECT_EQ(decode(with_runs(4, {5, 0x12, 0, 0, 0, 5, 0x01, 0x23, 0x10, 0, 0, 1})).image,
            rows({1, 2, 1, 2, 1, 0, 1, 2, 3, 1}));

  for (const Bytes& left_out : {Bytes{0, 0, 5, 1, 0, 0, 5, 1},
                                {4, 1, 0, 0, 5, 1},
                                {5, 1, 0, 0, 0, 0, 5, 1},
                                {5, 1, 0, 1},
                                {5, 1, 0, 2, 1, 0, 4, 1}}) {
    EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { decode(with_runs(8, left_out)); }),
                         "leave out pixels"));
  }
  EXPECT_THROW(decode(with_runs(8, {6, 1, 0, 0, 5, 1})), DamagedError);
  EXPECT_THROW(decode(with_runs(8, {5, 4, 0, 0, 5, 1})), DamagedError);  // the palette has four
  EXPECT_THROW(decode(with_runs(8, {5, 1, 0, 0, 2, 1, 2, 1})), TruncatedError);
  EXPECT_THROW(decode(with_runs(8, {5, 1, 0, 0, 0, 5, 1, 1})), TruncatedError);
  BmpParts parts = with_runs(8, {5, 1, 5, 1});
  parts.height = -2;
  EXPECT_THROW(decode(parts), DamagedError);
  // As many pixels as runs can hold, and more than they do.
  parts = with_runs(8, {5, 1, 5, 1});
  parts.width = 1 << 14;
  parts.height = 1 << 14;
  EXPECT_THROW(decode(parts), TruncatedError);
}

TEST(BmpFile, RefusesOtherKindsByName) {
  BmpParts parts = with_palette(kColors, {0});
  for (const std::uint32_t compression : {2U, 3U, 4U, 5U, 6U}) {
    parts.compression = compression;
    EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { decode(parts); }),
                         "x: a BMP file with compression " + std::to_string(compression)));
  }
  parts.compression = 0;
  parts.bits = 3;
  EXPECT_THROW(decode(parts), UnsupportedError);
}

TEST(BmpFile, KeepsProfileAndDensity) {
  BmpParts parts = with_palette(kColors, {0});
  parts.header = 124;
  EXPECT_TRUE(decode(parts).metadata.empty());
  Bytes file = make_bmp(parts);
  const auto set32 = [&file](std::size_t at, std::size_t value) {
    for (std::size_t k = 0; k < 4; ++k)
      file[14 + at + k] = static_cast<std::uint8_t>(value >> 8 * k);
  };
  set32(24, 2835);
  set32(28, 5669);
  const Bytes profile{1, 2, 3, 4, 5};
  set32(56, 0x4d424544);
  set32(112, file.size() - 14);
  set32(116, profile.size());
  file.insert(file.end(), profile.begin(), profile.end());
  const auto metadata = decode(file).metadata;
  ASSERT_EQ(metadata.size(), 2U);
  EXPECT_EQ(metadata[0].data, icc_profile_item(profile).data);
  EXPECT_EQ(metadata[1].data, density_item(2835, 5669, true).data);
  EXPECT_TRUE(decode(file).dropped.empty());
  file.pop_back();
  EXPECT_THROW(decode(file), TruncatedError);
  set32(56, 0x4c494e4b);
  EXPECT_EQ(decode(file).dropped.size(), 1U);
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

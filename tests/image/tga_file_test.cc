// TGA files of all kinds give the colours that they define, or a typed error.
#include "lib/image/tga_file.h"

#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ImageFile decode(const Bytes& file) { return decode_tga(view_of(file), kMaxPixels); }
ImageFile decode(const TgaParts& parts) { return decode(make_tga(parts)); }

// A row of indices into three colours.
TgaParts with_palette(const Bytes& indices) {
  TgaParts parts;
  parts.type = 1;
  parts.bits = 8;
  parts.width = static_cast<int>(indices.size());
  parts.height = 1;
  parts.colors = 3;
  parts.color_bits = 24;
  parts.palette = {0, 0, 255, 0, 255, 0, 7, 8, 9};
  parts.pixels = indices;
  return parts;
}

TEST(TgaFile, KeepsSamples) {
  for (const int channels : {1, 2, 3, 4}) {
    const Image image = noise_image({channels, 5, 7});
    const Bytes file = encode_tga(image);
    ASSERT_TRUE(is_tga(view_of(file)));
    EXPECT_EQ(decode(file).image, image) << channels;
    EXPECT_EQ(probe_tga(view_of(cut(file, 18)), kMaxPixels).shape, image.shape);
  }
}

TEST(TgaFile, RowsMayRunBothWays) {
  TgaParts parts;
  parts.type = 3;
  parts.bits = 8;
  parts.width = 2;
  parts.height = 2;
  parts.pixels = {1, 2, 3, 4};
  const auto samples = [&parts](std::uint8_t descriptor) {
    parts.descriptor = descriptor;
    return decode(parts).image.samples;
  };
  EXPECT_EQ(samples(0x00), (Bytes{3, 4, 1, 2}));
  EXPECT_EQ(samples(0x20), (Bytes{1, 2, 3, 4}));
  for (const int descriptor : {0x10, 0x30, 0x40, 0x80}) {
    EXPECT_THROW(samples(static_cast<std::uint8_t>(descriptor)), UnsupportedError);
  }
}

TEST(TgaFile, PaletteBecomesItsColours) {
  TgaParts parts = with_palette({2, 0, 1});
  const Bytes wanted{9, 8, 7, 255, 0, 0, 0, 255, 0};
  EXPECT_EQ(decode(parts).image.samples, wanted);
  parts.first_color = 1;
  EXPECT_THROW(decode(parts), UnsupportedError);
  // Indices may have two bytes.
  parts.first_color = 0;
  parts.bits = 16;
  parts.pixels = {2, 0, 0, 0, 1, 0};
  EXPECT_EQ(decode(parts).image.samples, wanted);
  parts.pixels = {2, 0, 0, 1, 1, 0};
  EXPECT_THROW(decode(parts), DamagedError);
  // Runs: two pixels of their own, then one pixel twice.
  parts = with_palette({});
  parts.type = 9;
  parts.width = 4;
  parts.pixels = {1, 2, 0, 0x81, 1};
  EXPECT_EQ(decode(parts).image.samples, (Bytes{9, 8, 7, 255, 0, 0, 0, 255, 0, 0, 255, 0}));
}

TEST(TgaFile, ColoursThatThePaletteLacksAreDamage) {
  EXPECT_TRUE(contains(message_of<DamagedError>([] { decode(with_palette({0, 3})); }), "colour 3"));
  // In runs too, but not in what goes beyond the last pixel.
  TgaParts parts = with_palette({});
  parts.type = 9;
  parts.width = 2;
  parts.pixels = {0x81, 3};
  EXPECT_THROW(decode(parts), DamagedError);
  parts.pixels = {0x02, 2, 3, 0};
  EXPECT_THROW(decode(parts), DamagedError);
  parts.pixels = {0x02, 2, 1, 3};
  EXPECT_NO_THROW(decode(parts));
}

TEST(TgaFile, FiveBitsAreScaled) {
  TgaParts parts;
  parts.bits = 16;
  parts.width = 2;
  parts.height = 1;
  parts.pixels = {0xff, 0x7f, 0x01, 0x00};
  EXPECT_EQ(decode(parts).image.samples, (Bytes{255, 255, 255, 0, 0, 8}));
  EXPECT_TRUE(decode(parts).dropped.empty());
  parts.descriptor = 1;
  EXPECT_EQ(decode(parts).dropped, (std::vector<std::string>{"1-bit alpha"}));
}

TEST(TgaFile, RunsCrossRows) {
  TgaParts parts;
  parts.type = 10;
  parts.width = 3;
  parts.height = 2;
  parts.descriptor = 0x20;
  parts.pixels = {0x83, 1, 2, 3, 0x01, 4, 5, 6, 7, 8, 9};
  EXPECT_EQ(decode(parts).image.samples,
            (Bytes{3, 2, 1, 3, 2, 1, 3, 2, 1, 3, 2, 1, 6, 5, 4, 9, 8, 7}));
}

TEST(TgaFile, OnlyPlausibleHeadersAreTga) {
  for (const std::size_t at : {1U, 2U, 16U}) {
    Bytes file = encode_tga(noise_image({3, 2, 2}));
    file[at] = 77;
    EXPECT_FALSE(is_tga(view_of(file))) << at;
  }
  // Gray of 24 bits and colour of 8, which stb_image would take.
  Bytes file = encode_tga(noise_image({3, 2, 2}));
  file[2] = 3;
  EXPECT_FALSE(is_tga(view_of(file)));
  file = encode_tga(noise_image({1, 2, 2}));
  file[2] = 2;
  EXPECT_FALSE(is_tga(view_of(file)));
  EXPECT_FALSE(is_tga(view_of(encode_bmp(noise_image({3, 2, 2})))));
  EXPECT_FALSE(is_tga(view_of(Bytes(17))));
}

TEST(TgaFile, LyingDimensionsCostNoMemory) {
  for (const int type : {2, 10}) {
    TgaParts parts;
    parts.type = static_cast<std::uint8_t>(type);
    parts.width = 1 << 14;
    parts.height = 1 << 14;
    parts.pixels = Bytes(1000);
    EXPECT_THROW(decode(parts), TruncatedError);
  }
}

}  // namespace
}  // namespace pie

// PNG files of every kind give their samples, and every damage is noticed.
#include "lib/image/png_file.h"

#include <png.h>
#include <zlib.h>

#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ImageFile decode(const Bytes& file) { return decode_png(view_of(file), kMaxPixels); }
ImageHeader probe(const Bytes& file) { return probe_png(view_of(file), kMaxPixels); }

Bytes chunk(const std::string& kind, const Bytes& data) {
  Bytes body = concatenate(Bytes(kind.begin(), kind.end()), data);
  const auto big_endian = [](std::uint64_t v) {
    return Bytes{static_cast<std::uint8_t>(v >> 24 & 255), static_cast<std::uint8_t>(v >> 16 & 255),
                 static_cast<std::uint8_t>(v >> 8 & 255), static_cast<std::uint8_t>(v & 255)};
  };
  const Bytes sum = big_endian(crc32(0, body.data(), static_cast<uInt>(body.size())));
  return concatenate(concatenate(big_endian(data.size()), body), sum);
}

// A PNG file of any kind, from its unfiltered rows and chunks to go before them.
Bytes raw_png(int width, int height, int depth, int color_type, const Bytes& rows,
              const Bytes& chunks = {}) {
  Bytes zipped(compressBound(static_cast<uLong>(rows.size())));
  uLongf size = static_cast<uLongf>(zipped.size());
  EXPECT_EQ(compress(zipped.data(), &size, rows.data(), static_cast<uLong>(rows.size())), Z_OK);
  zipped.resize(size);
  const Bytes header{0,
                     0,
                     0,
                     static_cast<std::uint8_t>(width),
                     0,
                     0,
                     0,
                     static_cast<std::uint8_t>(height),
                     static_cast<std::uint8_t>(depth),
                     static_cast<std::uint8_t>(color_type),
                     0,
                     0,
                     0};
  Bytes file = concatenate({0x89, 'P', 'N', 'G', 13, 10, 26, 10}, chunk("IHDR", header));
  file = concatenate(concatenate(file, chunks), chunk("IDAT", zipped));
  return concatenate(file, chunk("IEND", {}));
}

TEST(PngFile, KeepsEveryShapeAndDepth) {
  for (const int channels : {1, 2, 3, 4}) {
    for (const int bits : {8, 16}) {
      for (const auto& [height, width] : {std::pair{1, 1}, std::pair{3, 7}, std::pair{40, 30}}) {
        const Image image = noise_image({channels, height, width}, bits);
        const Bytes encoded = encode_png(image);
        const ImageFile file = decode(encoded);
        EXPECT_EQ(file.image, image) << to_string(image.shape) << " " << bits;
        EXPECT_TRUE(file.dropped.empty());
        const ImageHeader header = probe(encoded);
        EXPECT_EQ(header.shape, image.shape);
        EXPECT_EQ(header.bits, bits);
      }
    }
  }
}

TEST(PngFile, PaletteBecomesItsColours) {
  const Bytes palette = chunk("PLTE", {1, 2, 3, 40, 50, 60});
  const Bytes rows{0, 0, 1, 0};
  const ImageFile rgb = decode(raw_png(3, 1, 8, PNG_COLOR_TYPE_PALETTE, rows, palette));
  EXPECT_EQ(rgb.image.shape, (Shape{3, 1, 3}));
  EXPECT_EQ(rgb.image.samples, (Bytes{1, 2, 3, 40, 50, 60, 1, 2, 3}));

  const Bytes transparent = concatenate(palette, chunk("tRNS", {255, 7}));
  const Bytes file = raw_png(3, 1, 8, PNG_COLOR_TYPE_PALETTE, rows, transparent);
  EXPECT_EQ(decode(file).image.samples, (Bytes{1, 2, 3, 255, 40, 50, 60, 7, 1, 2, 3, 255}));
  EXPECT_EQ(probe(file).shape, (Shape{4, 1, 3}));
}

TEST(PngFile, FewBitsAreScaledAndNoted) {
  const ImageFile file = decode(raw_png(3, 1, 1, PNG_COLOR_TYPE_GRAY, {0, 0xa0}));
  EXPECT_EQ(file.image.samples, (Bytes{255, 0, 255}));
}

TEST(PngFile, KeepsWhatIsNoSampleAsItIs) {
  Bytes chunks;
  const std::vector<std::string> types{"gAMA", "cHRM", "sRGB", "iCCP", "cICP", "mDCV", "cLLI",
                                       "eXIf", "pHYs", "tEXt", "zTXt", "iTXt", "tIME", "prVt"};
  for (std::size_t i = 0; i < types.size(); ++i) {
    chunks = concatenate(chunks, chunk(types[i], Bytes(i, 7)));
  }
  const ImageFile file = decode(raw_png(1, 1, 8, PNG_COLOR_TYPE_GRAY, {0, 9}, chunks));
  EXPECT_TRUE(file.dropped.empty());
  const ImageFile again = decode(encode_png(file.image, file.metadata));
  EXPECT_EQ(again.image.samples, Bytes{9});
  for (const ImageFile* read : {&file, &again}) {
    ASSERT_EQ(read->metadata.size(), types.size());
    for (std::size_t i = 0; i < types.size(); ++i) {
      EXPECT_EQ(read->metadata[i].type, types[i]);
      EXPECT_EQ(read->metadata[i].data, Bytes(i, 7));
    }
  }
}

TEST(PngFile, BackgroundAndDepthFollowTheSamples) {
  const auto first = [](const Bytes& file) { return decode(file).metadata.at(0).data; };
  const Bytes palette = chunk("PLTE", {1, 2, 3, 40, 50, 60}), rows{0, 0};
  const auto of_palette = [&](const Bytes& more) {
    return raw_png(1, 1, 8, PNG_COLOR_TYPE_PALETTE, rows, concatenate(palette, more));
  };
  EXPECT_EQ(first(of_palette(chunk("bKGD", {1}))), (Bytes{0, 40, 0, 50, 0, 60}));
  EXPECT_EQ(decode(of_palette(chunk("bKGD", {2}))).dropped, (std::vector<std::string>{"bKGD"}));
  EXPECT_EQ(first(of_palette(concatenate(chunk("tRNS", {7}), chunk("sBIT", {5, 6, 5})))),
            (Bytes{5, 6, 5, 8}));
  EXPECT_EQ(first(raw_png(1, 1, 2, PNG_COLOR_TYPE_GRAY, rows, chunk("bKGD", {0, 2}))),
            (Bytes{0, 170}));
}

// Apple's iDOT says where in the file parts of the image are, and nothing else.
TEST(PngFile, WhatIsNotSafeToCopyIsNot) {
  const Bytes chunks = concatenate(chunk("iDOT", Bytes(28, 1)), chunk("caBX", {1}));
  const ImageFile file = decode(raw_png(1, 1, 8, PNG_COLOR_TYPE_GRAY, {0, 9}, chunks));
  EXPECT_TRUE(file.metadata.empty());
  EXPECT_EQ(file.dropped, (std::vector<std::string>{"caBX"}));
}

TEST(PngFile, SaysWhatOtherPicturesItHolds) {
  const Bytes animation = chunk("acTL", {0, 0, 0, 2, 0, 0, 0, 0});
  EXPECT_EQ(decode(raw_png(1, 1, 8, PNG_COLOR_TYPE_GRAY, {0, 9}, animation)).dropped,
            (std::vector<std::string>{"animation"}));
}

TEST(PngFile, EveryFlippedByteIsNoticed) {
  const Bytes file = encode_png(noise_image({1, 6, 6}));
  for (std::size_t i = 0; i < file.size(); ++i) {
    Bytes damaged = file;
    damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ 1);
    EXPECT_THROW(decode(damaged), DamagedError) << i;
  }
}

TEST(PngFile, LyingDimensionsCostNoMemory) {
  // 65535 x 4096 pixels would be within the limit, but 20 bytes cannot hold them.
  Bytes file = encode_png(Image({1, 1, 1}));
  const Bytes header{0, 0, 0xff, 0xff, 0, 0, 0x10, 0, 8, 0, 0, 0, 0};
  const Bytes lie = chunk("IHDR", header);
  std::copy(lie.begin(), lie.end(), file.begin() + 8);
  EXPECT_TRUE(contains(message_of<TruncatedError>([&] { decode(file); }), "1x4096x65535"));
}

TEST(PngFile, TransparencyBehindLargeMetadataIsSeen) {
  const Bytes text = chunk("tEXt", Bytes(1 << 16, 'a'));
  const Bytes transparency = chunk("tRNS", {0, 9});
  const Bytes file = raw_png(1, 1, 8, PNG_COLOR_TYPE_GRAY, {0, 9}, concatenate(text, transparency));
  EXPECT_THROW(probe(cut(file, 1 << 14)), TruncatedError);
  EXPECT_EQ(probe(file).shape, (Shape{2, 1, 1}));
}

}  // namespace
}  // namespace pie

// Image files of all formats keep shape, depth and samples; cut or damaged ones give typed errors.
#include "lib/image/image_io.h"

#include <png.h>

#include "lib/image/jpeg_file.h"
#include "tests/image/image_test_files.h"
#include "tests/image/stb_encoders.h"

namespace pie {
namespace {

// Like those of stb_encoders.h.
Bytes encode_psd(const Image& image, int depth = 8) {
  const auto channels = static_cast<std::uint8_t>(image.shape.channels);
  Bytes out{'8', 'B',
            'P', 'S',
            0,   1,
            0,   0,
            0,   0,
            0,   0,
            0,   channels,
            0,   0,
            0,   static_cast<std::uint8_t>(image.shape.height),
            0,   0,
            0,   static_cast<std::uint8_t>(image.shape.width),
            0,   static_cast<std::uint8_t>(depth),
            0,   3,
            0,   0,
            0,   0,
            0,   0,
            0,   0,
            0,   0,
            0,   0,
            0,   0};
  Bytes planar(image.samples.size());
  interleaved_to_planar(image.shape, image.samples.data(), planar.data());
  return concatenate(out, planar);
}

// A GIF of 1x1 pixels, `frames` of them, in the second of two colours: red.
Bytes gif(int frames) {
  Bytes out{'G', 'I', 'F', '8', '9', 'a', 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 0, 0};
  for (int i = 0; i < frames; ++i) {
    out = concatenate(out, {0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 0x01, 0});
  }
  out.push_back(0x3b);
  return out;
}

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

ImageFile decode(const Bytes& file) { return decode_image(file, "x"); }

TEST(Png, KeepsEveryShapeAndDepth) {
  for (const int channels : {1, 2, 3, 4}) {
    for (const int bits : {8, 16}) {
      for (const auto& [height, width] : {std::pair{1, 1}, std::pair{3, 7}, std::pair{40, 30}}) {
        const Image image = noise_image({channels, height, width}, bits);
        const Bytes encoded = encode_image(image, ImageFormat::kPng);
        const ImageFile file = decode(encoded);
        EXPECT_EQ(file.image, image) << to_string(image.shape) << " " << bits;
        EXPECT_EQ(file.format, "png");
        EXPECT_TRUE(file.notes.empty());
        EXPECT_TRUE(file.dropped.empty());
        const ImageHeader header = probe_image(encoded, "x");
        EXPECT_EQ(header.shape, image.shape);
        EXPECT_EQ(header.bits, bits);
      }
    }
  }
}

TEST(Png, PaletteBecomesItsColours) {
  const Bytes palette = chunk("PLTE", {1, 2, 3, 40, 50, 60});
  const Bytes rows{0, 0, 1, 0};
  const ImageFile rgb = decode(raw_png(3, 1, 8, PNG_COLOR_TYPE_PALETTE, rows, palette));
  EXPECT_EQ(rgb.image.shape, (Shape{3, 1, 3}));
  EXPECT_EQ(rgb.image.samples, (Bytes{1, 2, 3, 40, 50, 60, 1, 2, 3}));
  EXPECT_EQ(rgb.notes, (std::vector<std::string>{"palette"}));

  const Bytes transparent = concatenate(palette, chunk("tRNS", {255, 7}));
  const Bytes file = raw_png(3, 1, 8, PNG_COLOR_TYPE_PALETTE, rows, transparent);
  EXPECT_EQ(decode(file).image.samples, (Bytes{1, 2, 3, 255, 40, 50, 60, 7, 1, 2, 3, 255}));
  EXPECT_EQ(probe_image(file, "x").shape, (Shape{4, 1, 3}));
}

TEST(Png, FewBitsAreScaledAndNoted) {
  const ImageFile file = decode(raw_png(3, 1, 1, PNG_COLOR_TYPE_GRAY, {0, 0xa0}));
  EXPECT_EQ(file.image.samples, (Bytes{255, 0, 255}));
  EXPECT_EQ(file.notes, (std::vector<std::string>{"1-bit samples"}));
}

TEST(Png, ReportsColourChunks) {
  const Bytes gamma = chunk("gAMA", {0, 1, 0x86, 0xa0});
  const ImageFile file = decode(raw_png(1, 1, 8, PNG_COLOR_TYPE_GRAY, {0, 9}, gamma));
  EXPECT_EQ(file.dropped, (std::vector<std::string>{"gAMA"}));
  EXPECT_EQ(file.image.samples, Bytes{9});

  // sRGB is what an image without colour chunks means.
  const Bytes srgb = concatenate(chunk("sRGB", {0}), chunk("gAMA", {0, 0, 0xb1, 0x8f}));
  EXPECT_TRUE(decode(raw_png(1, 1, 8, PNG_COLOR_TYPE_GRAY, {0, 9}, srgb)).dropped.empty());
}

TEST(Png, EveryFlippedByteIsNoticed) {
  const Bytes file = encode_image(noise_image({1, 6, 6}), ImageFormat::kPng);
  for (std::size_t i = 0; i < file.size(); ++i) {
    Bytes damaged = file;
    damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ 1);
    EXPECT_THROW(decode(damaged), DamagedError) << i;
  }
}

TEST(Png, LyingDimensionsCostNoMemory) {
  // 65535 x 4096 pixels would be within the limit, but 20 bytes cannot hold them.
  Bytes file = encode_image(Image({1, 1, 1}), ImageFormat::kPng);
  const Bytes header{0, 0, 0xff, 0xff, 0, 0, 0x10, 0, 8, 0, 0, 0, 0};
  const Bytes lie = chunk("IHDR", header);
  std::copy(lie.begin(), lie.end(), file.begin() + 8);
  EXPECT_TRUE(contains(message_of<TruncatedError>([&] { decode(file); }), "1x4096x65535"));
}

TEST(Pnm, RoundTrip) {
  for (const int channels : {1, 3}) {
    for (const int bits : {8, 16}) {
      const Image image = noise_image({channels, 5, 4}, bits);
      const Bytes encoded =
          encode_image(image, channels == 1 ? ImageFormat::kPgm : ImageFormat::kPpm);
      EXPECT_EQ(decode(encoded).image, image);
      EXPECT_EQ(probe_image(encoded, "x").shape, image.shape);
      EXPECT_EQ(probe_image(encoded, "x").bits, bits);
    }
  }
}

TEST(Pnm, HeadersMayHoldComments) {
  const std::string text = "P5 # made by hand\n#more\n2\t1 \r\n255\nAB";
  const ImageFile file = decode(Bytes(text.begin(), text.end()));
  EXPECT_EQ(file.image.samples, (Bytes{'A', 'B'}));
  EXPECT_TRUE(file.dropped.empty());
}

TEST(Pnm, RefusesWhatItCannotKeep) {
  const std::string seven_bits = "P5 1 1 127\nA";
  EXPECT_THROW(decode(Bytes(seven_bits.begin(), seven_bits.end())), UnsupportedError);
  for (const std::string text : {"P5 x 1 255\nA", "P5 0 1 255\n", "P5 -1 1 255\nA",
                                 "P5 99999999999999999999 1 255\nA", "P5 1 1 255A"}) {
    EXPECT_THROW(decode(Bytes(text.begin(), text.end())), DamagedError) << text;
  }
  EXPECT_THROW(encode_image(Image({4, 1, 1}), ImageFormat::kPpm), UsageError);
  EXPECT_THROW(encode_image(Image({3, 1, 1}), ImageFormat::kPgm), UsageError);
  EXPECT_THROW(encode_image(Image({1, 1, 1}), ImageFormat::kPpm), UsageError);
}

TEST(Pnm, FurtherImagesAreReported) {
  const Bytes one = encode_image(noise_image({1, 2, 2}), ImageFormat::kPgm);
  EXPECT_EQ(decode(concatenate(one, one)).dropped, (std::vector<std::string>{"further images"}));
}

TEST(Bmp, KeepsSamples) {
  for (const int channels : {3, 4}) {
    const Image image = noise_image({channels, 5, 7});
    EXPECT_EQ(decode(encode_bmp(image)).image, image);
    EXPECT_EQ(decode(encode_bmp(image)).format, "bmp");
    EXPECT_EQ(probe_image(encode_bmp(image), "x").shape, image.shape);
  }
}

TEST(Tga, KeepsSamples) {
  for (const int channels : {1, 3, 4}) {
    const Image image = noise_image({channels, 5, 7});
    EXPECT_EQ(decode(encode_tga(image)).image, image) << channels;
    EXPECT_EQ(probe_image(encode_tga(image), "x").shape, image.shape);
  }
}

TEST(Psd, KeepsSamplesOrRefuses) {
  const Image image = noise_image({3, 5, 7});
  EXPECT_EQ(decode(encode_psd(image)).image, image);
  EXPECT_EQ(probe_image(encode_psd(image), "x").shape, image.shape);
  EXPECT_THROW(decode(encode_psd(noise_image({3, 5, 7}, 16), 16)), UnsupportedError);
}

TEST(Gif, GivesTheFirstFrame) {
  const ImageFile still = decode(gif(1));
  EXPECT_EQ(still.image.shape, (Shape{3, 1, 1}));
  EXPECT_EQ(still.image.samples, (Bytes{255, 0, 0}));
  EXPECT_EQ(still.notes, (std::vector<std::string>{"palette"}));
  EXPECT_TRUE(still.dropped.empty());
  EXPECT_EQ(probe_image(gif(1), "x").shape, still.image.shape);
  EXPECT_EQ(decode(gif(3)).dropped, (std::vector<std::string>{"further frames"}));
}

TEST(ReadImage, EveryCutIsTruncated) {
  const Image image = noise_image({3, 8, 8});
  for (const Bytes& file :
       {encode_image(image, ImageFormat::kPng), encode_image(image, ImageFormat::kPpm),
        encode_jpeg(image, 95), encode_bmp(image), encode_tga(image), encode_psd(image), gif(1)}) {
    const std::string format = decode(file).format;
    // A GIF may lack its last byte, the trailer.
    const std::size_t whole = format == "gif" ? file.size() - 2 : file.size();
    for (std::size_t size = 0; size < whole; ++size) {
      const Bytes part(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_THROW(decode(part), DamagedError) << format << " " << size;
    }
    const Bytes half(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(file.size() - 4));
    EXPECT_THROW(decode(half), TruncatedError) << format;
  }
}

TEST(ReadImage, DamageNeverCrashes) {
  const Image image = noise_image({3, 8, 8});
  const CounterRandom random(7, 0);
  std::uint64_t draw = 0;
  for (const Bytes& file :
       {encode_image(image, ImageFormat::kPng), encode_image(image, ImageFormat::kPpm),
        encode_jpeg(image, 95), encode_bmp(image), encode_tga(image), encode_psd(image), gif(2)}) {
    for (int round = 0; round < 400; ++round) {
      Bytes damaged = file;
      for (int k = 0; k < 1 + round % 3; ++k) {
        // The first half of the rounds goes for the header.
        const std::size_t range =
            round < 200 ? std::min<std::size_t>(40, file.size()) : file.size();
        damaged[random.bits(draw) % range] = static_cast<std::uint8_t>(random.bits(draw + 1) & 255);
        draw += 2;
      }
      try {
        EXPECT_LE(decode_image(damaged, "x", 1 << 16).image.shape.pixels(), 1u << 16);
      } catch (const Error&) {
      }
    }
  }
}

TEST(ReadImage, LimitsAreCheckedFirst) {
  const Image image = noise_image({3, 8, 8});
  for (const Bytes& file :
       {encode_image(image, ImageFormat::kPng), encode_image(image, ImageFormat::kPpm),
        encode_jpeg(image, 95), encode_bmp(image), encode_tga(image), encode_psd(image)}) {
    EXPECT_NO_THROW(decode_image(file, "x", 64));
    const std::string message = message_of<DamagedError>([&] { decode_image(file, "x.img", 63); });
    EXPECT_EQ(message, "x.img: claims to be 8x8 pixels; the limit is 63 in all");
    EXPECT_THROW(probe_image(file, "x", 63), DamagedError);
  }
  const std::string long_side = "P5 1048577 1 255\n";
  EXPECT_THROW(decode(Bytes(long_side.begin(), long_side.end())), DamagedError);
}

TEST(ReadImage, NamesWhatIsNoImage) {
  const std::string text = "This is a text of no image format at all, and long enough.";
  EXPECT_TRUE(contains(
      message_of<DamagedError>([&] { decode_image(Bytes(text.begin(), text.end()), "notes.txt"); }),
      "notes.txt"));
  EXPECT_THROW(decode({}), TruncatedError);
}

using ImageFiles = TestWithFolder;

TEST_F(ImageFiles, WriteAndRead) {
  const Image image = noise_image({3, 5, 6});
  write_image(path("x.png"), image, ImageFormat::kPng, false);
  EXPECT_EQ(read_image(path("x.png")).image, image);
  EXPECT_THROW(write_image(path("x.png"), image, ImageFormat::kPng, false), OperationError);
  write_image(path("x.png"), image, ImageFormat::kPpm, true);
  EXPECT_EQ(read_image(path("x.png")).format, "pnm");  // content decides
  EXPECT_TRUE(
      contains(message_of<OperationError>([this] { read_image(path("none.png")); }), "none.png"));
  EXPECT_THROW(probe_image(path("none.png")), OperationError);
}

TEST_F(ImageFiles, ProbingGoesPastLargeMetadata) {
  const Bytes text = chunk("tEXt", Bytes(1 << 16, 'a'));
  const Bytes transparency = chunk("tRNS", {0, 9});
  const Bytes file = raw_png(1, 1, 8, PNG_COLOR_TYPE_GRAY, {0, 9}, concatenate(text, transparency));
  EXPECT_EQ(probe_image(put("x.png", file)).shape, (Shape{2, 1, 1}));
}

TEST_F(ImageFiles, ReadsTheTestData) {
  const Image digit = read_image(PIE_TESTDATA "/digit-0.png").image;
  EXPECT_EQ(digit.shape, (Shape{1, 28, 28}));
  EXPECT_EQ(read_image(PIE_TESTDATA "/photo-48x32.png").image.shape, (Shape{3, 32, 48}));
}

TEST(ImageFormats, AreKnownByNameAndSuffix) {
  EXPECT_EQ(image_format("png", 4), ImageFormat::kPng);
  EXPECT_EQ(image_format("pnm", 1), ImageFormat::kPgm);
  EXPECT_EQ(image_format("pnm", 3), ImageFormat::kPpm);
  EXPECT_FALSE(image_format("jpg", 3));
  EXPECT_EQ(image_format_of_path("a.b/x.PGM", 1), ImageFormat::kPgm);
  EXPECT_FALSE(image_format_of_path("a.png/x", 1));
  EXPECT_TRUE(has_image_suffix("x.JPeG"));
  EXPECT_FALSE(has_image_suffix("x.gz"));
  EXPECT_FALSE(has_image_suffix("png"));
}

}  // namespace
}  // namespace pie

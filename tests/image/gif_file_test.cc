// GIF files give their first frame on its canvas, or a typed error.
#include "lib/image/gif_file.h"

#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ImageFile decode(const Bytes& file) { return decode_gif(view_of(file), kMaxPixels); }
ImageFile decode(const GifParts& parts) { return decode(make_gif(parts)); }

const Bytes kColors{0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255};  // black, red, green, blue

// A canvas of 3x2 pixels, its background red, with a frame of one blue pixel in the middle above.
GifParts small_frame() {
  GifParts parts;
  parts.width = 3;
  parts.height = 2;
  parts.palette = kColors;
  parts.background = 1;
  GifFrame frame;
  frame.x = 1;
  frame.width = 1;
  frame.height = 1;
  frame.data = gif_data({3});
  parts.blocks = {gif_frame(frame)};
  return parts;
}

// A frame that fills its canvas, with these LZW data.
GifParts full_frame(int width, int height, const Bytes& data) {
  GifParts parts;
  parts.width = width;
  parts.height = height;
  parts.palette = kColors;
  GifFrame frame;
  frame.width = width;
  frame.height = height;
  frame.data = data;
  parts.blocks = {gif_frame(frame)};
  return parts;
}

TEST(GifFile, KeepsColours) {
  // All 256 of them, in data of many blocks and codes.
  GifParts parts;
  parts.width = 64;
  parts.height = 32;
  parts.palette = noise_image({3, 16, 16}).samples;
  GifFrame frame;
  frame.width = 64;
  frame.height = 32;
  const Bytes indices = noise_image({1, 32, 64}, 8, 2).samples;
  frame.data = gif_data(indices);
  parts.blocks = {gif_frame(frame)};
  const Image image = decode(parts).image;
  ASSERT_EQ(image.shape, (Shape{3, 32, 64}));
  for (std::size_t i = 0; i < image.samples.size(); ++i) {
    ASSERT_EQ(image.samples[i], parts.palette[3 * std::size_t{indices[i / 3]} + i % 3]) << i;
  }
  EXPECT_EQ(probe_gif(view_of(make_gif(parts)), kMaxPixels).shape, image.shape);
}

TEST(GifFile, CodesMayStandForStringsBeingDefined) {
  // Codes of 3 bits: 4 is "clear", 5 the end, 6 the first to be defined. 1, 6 = "11", 7 = "111",
  // with 4 bits from there on 8 = "1111", and the end.
  const Bytes codes{4 | 1 << 3 | (6 & 3) << 6, 6 >> 2 | 7 << 1 | 8 << 4, 5};
  EXPECT_EQ(decode(full_frame(10, 1, {2, 3, codes[0], codes[1], codes[2], 0})).image.samples,
            decode(full_frame(10, 1, gif_data(Bytes(10, 1)))).image.samples);
}

TEST(GifFile, InterlacedRowsComeInFourPasses) {
  GifParts parts = full_frame(1, 9, {});
  GifFrame frame;
  frame.width = 1;
  frame.height = 9;
  frame.interlaced = true;
  frame.palette = kColors;
  frame.data = gif_data({1, 1, 2, 3, 3, 0, 0, 0, 0});  // rows 0, 8; 4; 2, 6; 1, 3, 5, 7
  parts.blocks = {gif_frame(frame)};
  const Image image = decode(parts).image;
  EXPECT_EQ(image.samples, (Bytes{255, 0, 0, 0, 0, 0, 0,   0, 255, 0, 0,   0, 0, 255,
                                  0,   0, 0, 0, 0, 0, 255, 0, 0,   0, 255, 0, 0}));
}

TEST(GifFile, TransparentColourMakesAlpha) {
  GifParts parts = full_frame(3, 1, gif_data({1, 2, 3}));
  const Bytes opaque = decode(parts).image.samples;
  parts.blocks.insert(parts.blocks.begin(), gif_transparency(0));
  EXPECT_EQ(decode(parts).image.samples, opaque);  // no pixel has it
  parts.blocks[0] = gif_transparency(2);
  EXPECT_EQ(decode(parts).image.samples, (Bytes{255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 255}));
}

TEST(GifFile, UncoveredCanvasHasTheBackground) {
  GifParts parts = small_frame();
  EXPECT_EQ(decode(parts).image.samples,
            (Bytes{255, 0, 0, 0, 0, 255, 255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0}));
  // With a transparent colour, that is the background, as every viewer shows it.
  parts.blocks.insert(parts.blocks.begin(), gif_transparency(0));
  EXPECT_EQ(decode(parts).image.samples, (Bytes{0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0,  //
                                                0, 0, 0, 0, 0, 0, 0,   0,   0, 0, 0, 0}));
  // And so it is where the file's palette lacks it.
  parts = small_frame();
  parts.background = 4;
  EXPECT_EQ(decode(parts).image.shape.channels, 4);
}

TEST(GifFile, ColoursThatThePaletteLacksAreDamage) {
  GifParts parts = full_frame(1, 1, gif_data({4}));
  EXPECT_TRUE(contains(message_of<DamagedError>([&] { decode(parts); }), "colour 4 of a palette"));
  parts.palette.clear();
  EXPECT_THROW(decode(parts), DamagedError);
  // Unless they are the transparent one.
  parts.palette = kColors;
  parts.blocks.insert(parts.blocks.begin(), gif_transparency(4));
  EXPECT_EQ(decode(parts).image.samples, Bytes(4));
}

TEST(GifFile, MissingPixelsAreDamage) {
  EXPECT_THROW(decode(full_frame(2, 2, gif_data({1, 1, 1}))), DamagedError);
  EXPECT_THROW(decode(full_frame(2, 2, {2, 1, 4 | 1 << 3, 0})), DamagedError);  // no end code
  EXPECT_NO_THROW(decode(full_frame(1, 1, {2, 2, 4 | 1 << 3, 0, 0})));
  EXPECT_THROW(decode(full_frame(2, 2, {2, 2, 4 | 6 << 3, 0, 0})), DamagedError);  // unknown code
  EXPECT_THROW(decode(full_frame(1, 1, {9, 1, 0, 0})), DamagedError);
}

TEST(GifFile, FramesLieWithinTheCanvas) {
  GifParts parts = small_frame();
  parts.width = 1;
  EXPECT_THROW(decode(parts), DamagedError);
  parts = full_frame(1, 0, {});
  parts.height = 1;
  EXPECT_THROW(decode(parts), DamagedError);
  parts.blocks.clear();
  EXPECT_THROW(decode(parts), DamagedError);
}

TEST(GifFile, FurtherFramesAreReported) {
  EXPECT_TRUE(decode(small_gif(1)).dropped.empty());
  EXPECT_EQ(decode(small_gif(3)).dropped, (std::vector<std::string>{"further frames"}));
  EXPECT_EQ(decode(small_gif(3)).image, decode(small_gif(1)).image);
  const Bytes comment{0x21, 0xfe, 1, 'x', 0};
  GifParts parts = full_frame(1, 1, gif_data({1}));
  parts.blocks.insert(parts.blocks.begin(), comment);
  parts.blocks.push_back(comment);
  EXPECT_TRUE(decode(parts).dropped.empty());
  ASSERT_EQ(decode(parts).metadata.size(), 2U);
  EXPECT_EQ(comment_of(decode(parts).metadata[1]), Bytes{'x'});
  parts.blocks.push_back(parts.blocks[1]);
  EXPECT_FALSE(decode(parts).dropped.empty());
}

TEST(GifFile, EveryCutIsTruncated) {
  const Bytes file = small_gif(1);
  for (std::size_t size = 6; size < file.size(); ++size) {
    EXPECT_THROW(decode(cut(file, size)), TruncatedError) << size;
  }
}

TEST(GifFile, LyingDimensionsCostNoMemory) {
  const Bytes file = make_gif(full_frame(1 << 14, 1 << 14, gif_data({1})));
  EXPECT_THROW(decode(file), DamagedError);
  EXPECT_THROW(decode(cut(file, file.size() - 4)), TruncatedError);
}

}  // namespace
}  // namespace pie

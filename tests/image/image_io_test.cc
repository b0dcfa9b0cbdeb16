// Image files of all formats keep shape, depth and samples; cut or damaged ones give typed errors.
#include "lib/image/image_io.h"

#include "lib/image/image_format.h"
#include "lib/image/jpeg_file.h"
#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ImageFile decode(const Bytes& file) { return decode_image(file, "x"); }

// Files of every format and way of coding, with their names; images of 8x8 pixels.
std::vector<std::pair<std::string, Bytes>> all_files() {
  const Image image = noise_image({3, 8, 8});
  BmpParts bmp;
  bmp.width = bmp.height = 8;
  bmp.bits = 4;
  bmp.palette = noise_image({4, 4, 4}).samples;
  bmp.rows = std::vector<Bytes>(8, {0x01, 0x23, 0x45, 0x67});
  TgaParts tga;
  tga.type = 9;
  tga.width = tga.height = 8;
  tga.bits = 8;
  tga.colors = 2;
  tga.color_bits = 24;
  tga.palette = {1, 2, 3, 4, 5, 6};
  tga.pixels = {0xbe, 1, 0x00, 0};
  Bytes psd = cut(encode_psd(Image({3, 8, 8})), 38);
  psd = concatenate(psd, {0, 1});
  for (int y = 0; y < 3 * 8; ++y) psd = concatenate(psd, {0, 5});
  for (int y = 0; y < 3 * 8; ++y) psd = concatenate(psd, {251, 7, 1, 9, 8});
  GifParts gif;
  gif.width = gif.height = 8;
  gif.palette = noise_image({3, 16, 16}).samples;
  GifFrame frame;
  frame.width = 8;
  frame.height = 8;
  frame.data = gif_data(noise_image({1, 8, 8}).samples);
  gif.blocks = {gif_transparency(3), gif_frame(frame)};
  return {{"png", encode_image(image, "png")},
          {"ppm", encode_image(image, "ppm")},
          {"jpeg", encode_jpeg(image, 95)},
          {"bmp", encode_bmp(image)},
          {"bmp with alpha", encode_bmp(noise_image({4, 8, 8}))},
          {"bmp with a palette", make_bmp(bmp)},
          {"tga", encode_tga(image)},
          {"tga with a palette and runs", make_tga(tga)},
          {"psd", encode_psd(image)},
          {"psd with runs", psd},
          {"gif", make_gif(gif)}};
}

TEST(ReadImage, EveryCutIsTruncated) {
  for (const auto& [name, file] : all_files()) {
    EXPECT_NO_THROW(decode(file)) << name;
    for (std::size_t size = 0; size < file.size(); ++size) {
      EXPECT_THROW(decode(cut(file, size)), DamagedError) << name << " " << size;
    }
    EXPECT_THROW(decode(cut(file, file.size() - 4)), TruncatedError) << name;
  }
}

TEST(ReadImage, DamageNeverCrashes) {
  const CounterRandom random(7, 0);
  std::uint64_t draw = 0;
  for (const auto& [name, file] : all_files()) {
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
        EXPECT_LE(decode_image(damaged, "x", 1 << 16).image.shape.pixels(), 1u << 16) << name;
      } catch (const Error&) {
      }
    }
  }
}

// Padding is nothing, anything else is said: the second image of a phone's "motion photo", say.
TEST(ReadImage, BytesBehindTheImageAreListed) {
  const Image image = noise_image({3, 3, 5});
  for (const Bytes& file : {encode_image(image, "png"), encode_image(image, "ppm"),
                            encode_image(image, "pam"), encode_jpeg(image, 90)}) {
    EXPECT_TRUE(decode_image(concatenate(file, {0, 0, 10}), "x").dropped.empty());
    EXPECT_EQ(decode_image(concatenate(file, {0, 0, 1}), "x").dropped.size(), 1U);
    EXPECT_EQ(decode_image(concatenate(file, {0, 0, 1}), "x").image, decode_image(file, "x").image);
  }
}

TEST(ReadImage, LimitsAreCheckedFirst) {
  for (const auto& entry : all_files()) {
    const Bytes& file = entry.second;
    EXPECT_NO_THROW(decode_image(file, "x", 64)) << entry.first;
    const std::string message = message_of<LimitError>([&] { decode_image(file, "x.img", 63); });
    EXPECT_EQ(message, "x.img: claims to be 8x8 pixels; the limit is 63 in all") << entry.first;
    EXPECT_THROW(probe_image(in(file), 63), LimitError) << entry.first;
  }
  const std::string long_side = "P5 1048577 1 255\n";
  EXPECT_THROW(decode(Bytes(long_side.begin(), long_side.end())), DamagedError);
}

TEST(ReadImage, NamesWhatIsNoImage) {
  const std::string text = "This is a text of no image format at all, and long enough.";
  const std::string message =
      message_of<DamagedError>([&] { decode_image(Bytes(text.begin(), text.end()), "notes.txt"); });
  EXPECT_TRUE(contains(message, "notes.txt: not an image file of a known format; readable are "));
  for (const ImageFormat& format : image_formats()) {
    EXPECT_TRUE(contains(message, format.name)) << message;
  }
  EXPECT_THROW(decode({}), TruncatedError);
}

using ImageFiles = TestWithFolder;

TEST_F(ImageFiles, ContentDecidesWhatAFileIs) {
  const Image image = noise_image({3, 5, 6});
  EXPECT_EQ(read_image(put("x.png", encode_image(image, "png"))).image, image);
  EXPECT_EQ(read_image(put("x.png", encode_image(image, "ppm"))).image, image);
  EXPECT_EQ(probe_image(Input(path("x.png"))).shape, image.shape);
  EXPECT_TRUE(
      contains(message_of<OperationError>([this] { read_image(path("none.png")); }), "none.png"));
  EXPECT_THROW(probe_image(Input(path("none.png"))), OperationError);
}

TEST_F(ImageFiles, ProbingReadsOnWhereTheBeginningIsNotEnough) {
  // A GIF's pixels decide whether it has alpha.
  GifParts gif;
  gif.width = gif.height = 200;
  gif.palette = noise_image({3, 16, 16}).samples;
  GifFrame frame;
  frame.width = frame.height = 200;
  frame.data = gif_data(noise_image({1, 200, 200}).samples);
  gif.blocks = {gif_transparency(3), gif_frame(frame)};
  EXPECT_EQ(probe_image(Input(put("x.gif", make_gif(gif)))).shape, (Shape{4, 200, 200}));
}

TEST_F(ImageFiles, ReadsTheTestData) {
  const Image digit = read_image(PIE_TESTDATA "/digit-0.png").image;
  EXPECT_EQ(digit.shape, (Shape{1, 28, 28}));
  EXPECT_EQ(read_image(PIE_TESTDATA "/photo-48x32.png").image.shape, (Shape{3, 32, 48}));
}

TEST(ImageFormats, AreKnownBySuffix) {
  EXPECT_EQ(suffix_of("a.b/x.PGM"), "pgm");
  EXPECT_EQ(suffix_of("a.png/x"), "");
  EXPECT_EQ(suffix_of("-"), "");
  EXPECT_TRUE(has_image_suffix("x.JPeG"));
  EXPECT_TRUE(has_image_suffix("x.pnm"));
  EXPECT_FALSE(has_image_suffix("x.gz"));
  EXPECT_FALSE(has_image_suffix("png"));
}

TEST(ImageFormats, RefusalsNameThoseThatFit) {
  const auto message = [](const Image& image, const std::string& name) {
    return message_of<UsageError>([&] { encode_image(image, name); });
  };
  const std::string color = message(Image({3, 1, 1}), "pgm");
  EXPECT_TRUE(contains(color, "format pgm cannot hold an image of 3 channels and 8 bits; choose "));
  EXPECT_TRUE(contains(color, "png, ppm, pnm"));
  EXPECT_FALSE(contains(message(Image({4, 1, 1}, 16), "ppm"), "pgm"));
  // Formats that are only read are no choice.
  EXPECT_EQ(
      message(Image({3, 1, 1}), "jpg"),
      "there is no image format 'jpg' that can be written; choose " + writable_format_names());
  EXPECT_FALSE(is_writable_format("jpg"));
  for (const std::string name : {"png", "pgm", "ppm", "pnm"}) {
    EXPECT_TRUE(is_writable_format(name)) << name;
    const std::vector<std::string> all = writable_formats();
    EXPECT_EQ(std::count(all.begin(), all.end(), name), 1) << name;
  }
}

}  // namespace
}  // namespace pie

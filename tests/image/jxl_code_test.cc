// JPEG XL keeps every sample of images of all channels and depths, and gives nothing else back.
#include "lib/image/jxl_code.h"

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ByteSpan span(const Bytes& bytes) { return {bytes.data(), bytes.size()}; }

// Noise in one half, and none in the other, which is transparent if there is alpha.
Image mixed_image(const Shape& shape, int bits) {
  Image image = noise_image(shape, bits);
  std::fill(image.samples.begin(),
            image.samples.begin() + static_cast<std::ptrdiff_t>(image.samples.size() / 2),
            std::uint8_t{0});
  return image;
}

TEST(JxlCode, EverySampleComesBack) {
  for (const int bits : {8, 16}) {
    for (const int channels : {1, 2, 3, 4}) {
      for (const Shape& size : {Shape{1, 1, 1}, Shape{1, 7, 300}, Shape{1, 40, 3}}) {
        const Shape shape{channels, size.height, size.width};
        const Image image = mixed_image(shape, bits);
        for (const auto& [effort, groups] : {std::pair(1, JxlGroups::k1024),
                                             {kJxlEffort, JxlGroups::k1024},
                                             {kJxlEffort, JxlGroups::k256},
                                             {kJxlEffort, JxlGroups::k128},
                                             {kMostJxlEffort, JxlGroups::k1024}}) {
          EXPECT_EQ(decode_jxl(span(encode_jxl(image, effort, groups)), shape, bits), image)
              << to_string(shape) << " of " << bits;
        }
      }
    }
  }
}

TEST(JxlCode, OnlyTheImageThatIsMeant) {
  const Image image = mixed_image({3, 8, 9}, 8);
  const Bytes code = encode_jxl(image, 7);
  for (const Shape& other : {Shape{1, 8, 9}, Shape{4, 8, 9}, Shape{3, 9, 8}, Shape{3, 8, 10}}) {
    EXPECT_THROW(decode_jxl(span(code), other, 8), DamagedError);
  }
  EXPECT_THROW(decode_jxl(span(code), image.shape, 16), DamagedError);
  EXPECT_THROW(decode_jxl({code.data(), 0}, image.shape, 8), DamagedError);
  EXPECT_THROW(decode_jxl(span(concatenate(code, {0})), image.shape, 8), DamagedError);
}

TEST(JxlCode, DamageGivesAnErrorOrAnImage) {
  const Image image = mixed_image({3, 12, 9}, 8);
  const Bytes code = encode_jxl(image, 7);
  const auto try_it = [&](const Bytes& damaged) {
    try {
      EXPECT_EQ(decode_jxl(span(damaged), image.shape, 8).shape, image.shape);
    } catch (const DamagedError&) {
    }
  };
  for (std::size_t i = 0; i < code.size(); ++i) {
    EXPECT_THROW(decode_jxl({code.data(), i}, image.shape, 8), DamagedError) << i;
    Bytes damaged = code;
    damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ 0x11);
    try_it(damaged);
  }
}

}  // namespace
}  // namespace pie

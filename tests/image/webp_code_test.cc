// WebP keeps every sample of 8-bit images of all channels, and gives nothing else back.
#include "lib/image/webp_code.h"

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ByteSpan span(const Bytes& bytes) { return {bytes.data(), bytes.size()}; }

// Noise in one half, and none in the other, which is transparent if there is alpha.
Image mixed_image(const Shape& shape) {
  Image image = noise_image(shape, 8);
  std::fill(image.samples.begin(),
            image.samples.begin() + static_cast<std::ptrdiff_t>(image.samples.size() / 2),
            std::uint8_t{0});
  return image;
}

TEST(WebpCode, EverySampleComesBack) {
  for (const int channels : {1, 2, 3, 4}) {
    for (const Shape& size : {Shape{1, 1, 1}, Shape{1, 7, 300}, Shape{1, 40, 3}}) {
      const Shape shape{channels, size.height, size.width};
      for (const auto& image : {mixed_image(shape), noise_image(shape, 8), Image(shape)}) {
        for (int effort = 1; effort <= 9; ++effort) {
          const Bytes code = encode_webp_code(image, effort);
          EXPECT_TRUE(is_webp_code(span(code)));
          EXPECT_EQ(decode_webp_code(span(code), shape), image) << to_string(shape);
        }
      }
    }
  }
}

TEST(WebpCode, NotEveryImageFits) {
  EXPECT_TRUE(fits_webp({4, 16383, 1}, 8));
  EXPECT_FALSE(fits_webp({4, 16384, 1}, 8));
  EXPECT_FALSE(fits_webp({4, 1, 1}, 16));
  EXPECT_THROW(encode_webp_code(Image({1, 1, 16384}), 6), OperationError);
  EXPECT_THROW(encode_webp_code(Image({1, 1, 1}, 16), 6), OperationError);
}

TEST(WebpCode, OnlyTheImageThatIsMeant) {
  const Image image = noise_image({3, 8, 9}, 8), clear = mixed_image({4, 8, 9});
  const Bytes code = encode_webp_code(image, 6);
  // Gray has no colours, and what has no alpha is opaque.
  for (const Shape& other : {Shape{1, 8, 9}, Shape{2, 8, 9}, Shape{3, 9, 8}, Shape{3, 8, 10}}) {
    EXPECT_THROW(decode_webp_code(span(code), other), DamagedError);
  }
  EXPECT_THROW(decode_webp_code(span(encode_webp_code(clear, 6)), {3, 8, 9}), DamagedError);
  EXPECT_THROW(decode_webp_code({code.data(), 0}, image.shape), DamagedError);
  EXPECT_THROW(decode_webp_code(span(concatenate(code, {0, 0})), image.shape), DamagedError);
}

TEST(WebpCode, DamageGivesAnErrorOrAnImage) {
  const Image image = mixed_image({3, 12, 9});
  const Bytes code = encode_webp_code(image, 7);
  for (std::size_t i = 0; i < code.size(); ++i) {
    EXPECT_THROW(decode_webp_code({code.data(), i}, image.shape), DamagedError) << i;
    Bytes damaged = code;
    damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ 0x11);
    try {
      EXPECT_EQ(decode_webp_code(span(damaged), image.shape).shape, image.shape);
    } catch (const DamagedError&) {
    }
  }
}

}  // namespace
}  // namespace pie

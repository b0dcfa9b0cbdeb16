// YCbCr changes next to nothing, and halved chroma is of whole blocks.
#include "lib/image/ycbcr.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

TEST(YCbCr, GrayStaysAsItIs) {
  for (const bool halved : {false, true}) {
    for (int level = 0; level < 256; ++level) {
      const auto gray = flat_image({3, 3, 3}, level);
      EXPECT_EQ(through_ycbcr(gray, halved), gray) << level;
    }
  }
}

// Each of Y, Cb and Cr is rounded by at most 1/2, and so is each of R, G and B again: blue, which
// takes 1.772 of Cb, is off by at most (1 + 1.772) / 2 + 1/2 < 2, and so by 1, the others by less.
TEST(YCbCr, RoundingCostsOneLevel) {
  Image colours({3, 52 * 52, 52});
  std::size_t at = 0;
  for (int r = 0; r < 256; r += 5) {
    for (int g = 0; g < 256; g += 5) {
      for (int b = 0; b < 256; b += 5) {
        for (const int level : {r, g, b}) colours.samples[at++] = static_cast<std::uint8_t>(level);
      }
    }
  }
  ASSERT_EQ(at, colours.samples.size());
  EXPECT_LE(largest_difference(through_ycbcr(colours, false), colours), 1);
  EXPECT_LE(
      largest_difference(through_ycbcr(noise_image({3, 40, 50}), false), noise_image({3, 40, 50})),
      1);
}

// R - G and B - G are functions of the chroma, where nothing is clamped.
TEST(YCbCr, HalvedChromaIsConstantOverBlocks) {
  auto image = noise_image({3, 7, 9});
  for (auto& level : image.samples) level = static_cast<std::uint8_t>(96 + level / 4);
  const auto result = through_ycbcr(image, true);
  const auto difference = [&](std::int64_t y, std::int64_t x, int channel) {
    return result.at(y, x, channel) - result.at(y, x, 1);
  };
  bool varies = false;
  for (std::int64_t y = 0; y < 7; ++y) {
    for (std::int64_t x = 0; x < 9; ++x) {
      for (const int channel : {0, 2}) {
        EXPECT_EQ(difference(y, x, channel), difference(y / 2 * 2, x / 2 * 2, channel));
        varies = varies || difference(y, x, channel) != difference(0, 0, channel);
      }
    }
  }
  EXPECT_TRUE(varies);
}

// Blocks of one colour lose nothing but what rounding costs.
TEST(YCbCr, HalvedChromaOfFlatBlocksIsTheirs) {
  const auto small = noise_image({3, 4, 5});
  Image image({3, 7, 9});
  for (std::int64_t y = 0; y < 7; ++y) {
    for (std::int64_t x = 0; x < 9; ++x) {
      for (int c = 0; c < 3; ++c) image.set(y, x, c, small.at(y / 2, x / 2, c));
    }
  }
  EXPECT_EQ(through_ycbcr(image, true), through_ycbcr(image, false));
}

TEST(YCbCr, IsOfColoursOf8Bits) {
  for (const bool halved : {false, true}) {
    for (const std::int64_t channels : {1, 2, 4}) {
      EXPECT_THROW(through_ycbcr(noise_image({channels, 4, 4}), halved), UsageError);
    }
    EXPECT_THROW(through_ycbcr(noise_image({3, 4, 4}, 16), halved), UsageError);
  }
}

}  // namespace
}  // namespace pie

// Images of any size survive being cut into tiles, whose spare pixels repeat the edge.
#include "lib/image/tiling.h"

#include <gtest/gtest.h>

#include <utility>

#include "lib/base/error.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

Bytes cut(const Tiling& tiling, const SampleView& image, std::size_t index) {
  Bytes tile(static_cast<std::size_t>(tiling.tile().elements()));
  tiling.cut(image, index, tile.data());
  return tile;
}

TEST(Tiling, RoundTripOfAnySizeDepthAndOrderOfSamples) {
  for (const auto& [height, width] : {std::pair{1, 1}, std::pair{1, 7}, std::pair{31, 33},
                                      std::pair{28, 28}, std::pair{100, 3}, std::pair{56, 29}}) {
    for (const int channels : {1, 3}) {
      for (const auto& [tile_height, tile_width] :
           {std::pair{28, 28}, std::pair{8, 16}, std::pair{1, 1}}) {
        const Shape shape{channels, height, width};
        const ImageSet planar = noise_set(shape, 1);
        const Image interleaved = planar.image(0);
        const Tiling tiling(shape, tile_height, tile_width);
        Image joined(shape), wide(shape, 16);
        for (std::size_t i = 0; i < tiling.count(); ++i) {
          const Bytes tile = cut(tiling, high_bytes(interleaved), i);
          EXPECT_EQ(tile, cut(tiling, planar_view(shape, planar.data()), i));
          tiling.paste(tile.data(), i, high_bytes(joined));
          tiling.paste(tile.data(), i, low_bytes(wide));
          EXPECT_EQ(tile, cut(tiling, low_bytes(std::as_const(wide)), i)) << height << "x" << width;
        }
        EXPECT_EQ(joined, interleaved) << height << "x" << width;
      }
    }
  }
}

TEST(Tiling, SparePixelsRepeatTheEdge) {
  const Bytes image{1, 2, 3, 4, 5, 6};
  const Shape shape{1, 2, 3};
  const Tiling tiling(shape, 3, 2);
  ASSERT_EQ(tiling.count(), 2u);
  EXPECT_EQ(cut(tiling, planar_view(shape, image.data()), 0), (Bytes{1, 2, 4, 5, 4, 5}));
  EXPECT_EQ(cut(tiling, planar_view(shape, image.data()), 1), (Bytes{3, 3, 6, 6, 6, 6}));
}

TEST(Tiling, GoesRowByRow) {
  const Tiling tiling({1, 4, 6}, 2, 2);
  EXPECT_EQ(tiling.rows(), 2u);
  EXPECT_EQ(tiling.columns(), 3u);
  Bytes image(24);
  image[2 * 6 + 0] = 9;  // the top left pixel of the second row of tiles
  EXPECT_EQ(cut(tiling, planar_view({1, 4, 6}, image.data()), 3)[0], 9);
}

TEST(Tiling, RefusesWhatDoesNotFit) {
  EXPECT_THROW(Tiling({1, 4, 4}, 0, 2), UsageError);
  EXPECT_THROW(Tiling({1, 0, 4}, 2, 2), UsageError);
}

TEST(SampleView, SharesOutChannelsAndBytes) {
  Image image({4, 2, 3}, 16);
  for (std::size_t i = 0; i < image.samples.size(); ++i) {
    image.samples[i] = static_cast<std::uint8_t>(i);
  }
  const Image& fixed = image;
  Bytes alpha, low;
  append_interleaved(one_channel(high_bytes(fixed), 3), alpha);
  EXPECT_EQ(alpha, (Bytes{6, 14, 22, 30, 38, 46}));
  append_interleaved(first_channels(low_bytes(fixed), 2), low);
  EXPECT_EQ(low, (Bytes{1, 3, 9, 11, 17, 19, 25, 27, 33, 35, 41, 43}));
}

}  // namespace
}  // namespace pie

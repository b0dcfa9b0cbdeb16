// Images of any size survive being cut into tiles, whose spare pixels repeat the edge.
#include "lib/image/tiling.h"

#include <tuple>

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

TEST(Tiling, RoundTripOfAnySize) {
  for (const auto& [height, width] : {std::pair{1, 1}, std::pair{1, 7}, std::pair{31, 33},
                                      std::pair{28, 28}, std::pair{100, 3}, std::pair{56, 29}}) {
    for (const int channels : {1, 3}) {
      for (const auto& [tile_height, tile_width] :
           {std::pair{28, 28}, std::pair{8, 16}, std::pair{1, 1}}) {
        const ImageSet images = noise_set({channels, height, width}, 2);
        const ImageSet tiles = cut_tiles(images, 1, tile_height, tile_width);
        const ImageSet joined = join_tiles(tiles, images.geometry());
        EXPECT_EQ(joined.image(0), images.image(1)) << height << "x" << width;
      }
    }
  }
}

TEST(Tiling, SparePixelsRepeatTheEdge) {
  ImageSet image({1, 2, 3}, Bytes{1, 2, 3, 4, 5, 6});
  const ImageSet tiles = cut_tiles(image, 0, 3, 2);
  ASSERT_EQ(tiles.size(), 2u);
  EXPECT_EQ(tiles.pixels(), (Bytes{1, 2, 4, 5, 4, 5, 3, 3, 6, 6, 6, 6}));
}

TEST(Tiling, GoesRowByRow) {
  const Tiling tiling({1, 4, 6}, 2, 2);
  EXPECT_EQ(tiling.rows(), 2u);
  EXPECT_EQ(tiling.columns(), 3u);
  ImageSet image({1, 4, 6}, 1);
  image.data()[2 * 6 + 0] = 9;  // the top left pixel of the second row of tiles
  EXPECT_EQ(cut_tiles(image, 0, 2, 2).data(3)[0], 9);
}

TEST(Tiling, RefusesWhatDoesNotFit) {
  EXPECT_THROW(Tiling({1, 4, 4}, 0, 2), UsageError);
  EXPECT_THROW(Tiling({1, 0, 4}, 2, 2), UsageError);
  EXPECT_THROW(join_tiles(ImageSet({1, 2, 2}, 3), {1, 4, 4}), ShapeError);
  EXPECT_THROW(join_tiles(ImageSet({1, 2, 2}, 4), {3, 4, 4}), ShapeError);
}

}  // namespace
}  // namespace pie

// Samples keep their places between interleaved and planar order, crops and mirror images.
#include "lib/image/image.h"

#include <algorithm>

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

TEST(Shape, CountsAndNames) {
  const Shape g{3, 5, 7};
  EXPECT_EQ(g.pixels(), 35u);
  EXPECT_EQ(g.elements(), 105u);
  EXPECT_EQ(to_string(g), "3x5x7");
  EXPECT_NE(g, (Shape{3, 7, 5}));
}

TEST(Image, RefusesImpossibleShapes) {
  EXPECT_THROW(Image({0, 1, 1}), UsageError);
  EXPECT_THROW(Image({5, 1, 1}), UsageError);
  EXPECT_THROW(Image({1, 0, 1}), UsageError);
  EXPECT_THROW(Image({1, 1, -1}), UsageError);
  EXPECT_THROW(Image({1, 1, 1}, 12), UsageError);
}

TEST(Image, SixteenBitSamplesAreBigEndian) {
  Image image({1, 1, 2}, 16);
  image.set(0, 1, 0, 0x1234);
  EXPECT_EQ(image.samples, (Bytes{0, 0, 0x12, 0x34}));
  EXPECT_EQ(image.at(0, 1), 0x1234);
}

TEST(ImageSet, HoldsPlanarImages) {
  Image image({2, 1, 3});
  image.samples = {1, 10, 2, 20, 3, 30};
  ImageSet set(image.shape);
  set.append(image);
  set.append(image);
  EXPECT_EQ(set.size(), 2u);
  EXPECT_EQ(set.pixels(), (Bytes{1, 2, 3, 10, 20, 30, 1, 2, 3, 10, 20, 30}));
  EXPECT_EQ(set.image(1), image);
  EXPECT_THROW(set.image(2), UsageError);
}

TEST(ImageSet, RefusesWhatDoesNotFit) {
  ImageSet set({1, 2, 2});
  EXPECT_THROW(set.append(Image({1, 2, 3})), ShapeError);
  EXPECT_THROW(set.append(Image({1, 2, 2}, 16)), ShapeError);
  EXPECT_THROW(ImageSet({1, 2, 2}, Bytes(7)), ShapeError);
  EXPECT_EQ(ImageSet({1, 2, 2}, Bytes(8)).size(), 2u);
}

TEST(ImageSet, SlicesAreCopies) {
  const ImageSet set = noise_set({3, 4, 5}, 5);
  const ImageSet middle = set.slice(1, 4);
  ASSERT_EQ(middle.size(), 3u);
  EXPECT_EQ(middle.image(0), set.image(1));
  EXPECT_EQ(middle.image(2), set.image(3));
  EXPECT_TRUE(set.slice(2, 2).empty());
  EXPECT_THROW(set.slice(3, 6), UsageError);
  EXPECT_THROW(set.slice(3, 2), UsageError);
}

TEST(Crop, TakesTheRectangle) {
  for (const int bits : {8, 16}) {
    const Image image = noise_image({3, 6, 9}, bits);
    const Image part = crop(image, 2, 1, 4, 3);
    EXPECT_EQ(part.shape, (Shape{3, 3, 4}));
    for (int y = 0; y < 3; ++y) {
      for (int x = 0; x < 4; ++x) {
        for (int c = 0; c < 3; ++c) EXPECT_EQ(part.at(y, x, c), image.at(y + 1, x + 2, c));
      }
    }
    EXPECT_EQ(crop(image, 0, 0, 9, 6), image);
  }
}

TEST(Crop, RefusesWhatLiesOutside) {
  const Image image({1, 4, 4});
  EXPECT_THROW(crop(image, 1, 0, 4, 4), ShapeError);
  EXPECT_THROW(crop(image, 0, -1, 2, 2), ShapeError);
  EXPECT_THROW(crop(image, 0, 0, 0, 2), ShapeError);
  EXPECT_THROW(crop(image, 2147483647, 0, 4, 4), ShapeError);
}

TEST(Shift, MovesAndRepeatsTheEdge) {
  for (const int bits : {8, 16}) {
    Image image({2, 3, 4}, bits);
    for (int y = 0; y < 3; ++y) {
      for (int x = 0; x < 4; ++x) {
        for (int c = 0; c < 2; ++c) image.set(y, x, c, 100 * y + 10 * x + c);
      }
    }
    for (const int dx : {-5, -1, 0, 2}) {
      for (const int dy : {-1, 0, 1}) {
        const auto moved = shift(image, dx, dy);
        for (int y = 0; y < 3; ++y) {
          for (int x = 0; x < 4; ++x) {
            const int from_y = std::clamp(y - dy, 0, 2), from_x = std::clamp(x - dx, 0, 3);
            EXPECT_EQ(moved.at(y, x, 1), image.at(from_y, from_x, 1));
          }
        }
      }
    }
  }
}

TEST(FlipHorizontal, MirrorsAndUndoesItself) {
  for (const int bits : {8, 16}) {
    const Image image = noise_image({4, 3, 5}, bits);
    const Image flipped = flip_horizontal(image);
    EXPECT_EQ(flipped.at(2, 0, 3), image.at(2, 4, 3));
    EXPECT_EQ(flipped.at(1, 2, 1), image.at(1, 2, 1));
    EXPECT_EQ(flip_horizontal(flipped), image);
  }
}

}  // namespace
}  // namespace pie

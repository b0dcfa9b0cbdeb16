// Every image stands at its place in the grid, magnified and with margins.
#include "lib/image/mosaic.h"

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

TEST(Mosaic, PlacesImagesRowByRow) {
  const ImageSet images({1, 1, 2}, Bytes{1, 2, 3, 4, 5, 6});
  MosaicOptions options;
  options.background = 9;
  const Image grid = mosaic(images, 2, options);
  EXPECT_EQ(grid.shape, (Shape{1, 5, 7}));
  EXPECT_EQ(grid.samples, (Bytes{9, 9, 9, 9, 9, 9, 9,  //
                                 9, 1, 2, 9, 3, 4, 9,  //
                                 9, 9, 9, 9, 9, 9, 9,  //
                                 9, 5, 6, 9, 9, 9, 9,  //
                                 9, 9, 9, 9, 9, 9, 9}));
}

TEST(Mosaic, Zooms) {
  MosaicOptions options;
  options.zoom = 2;
  options.margin = 0;
  const Image grid = mosaic(ImageSet({1, 1, 2}, Bytes{1, 2}), 1, options);
  EXPECT_EQ(grid.shape, (Shape{1, 2, 4}));
  EXPECT_EQ(grid.samples, (Bytes{1, 1, 2, 2, 1, 1, 2, 2}));
}

TEST(Mosaic, KeepsColours) {
  const ImageSet images = noise_set({3, 4, 5}, 4);
  const Image grid = mosaic(images, 2);
  EXPECT_EQ(crop(grid, 7, 6, 5, 4), images.image(3));
}

TEST(Mosaic, MarginsAreOpaque) {
  const Image grid = mosaic(ImageSet({2, 1, 1}, 1), 1);
  EXPECT_EQ(grid.at(0, 0, 0), 128);
  EXPECT_EQ(grid.at(0, 0, 1), 255);
}

TEST(StackedMosaic, PutsVersionsBelowEachOther) {
  const ImageSet originals({1, 1, 1}, Bytes{1, 2, 3});
  const ImageSet copies({1, 1, 1}, Bytes{4, 5, 6});
  MosaicOptions options;
  options.margin = 0;
  options.background = 0;
  const Image grid = stacked_mosaic({&originals, &copies}, 2, options);
  EXPECT_EQ(grid.shape, (Shape{1, 4, 2}));
  EXPECT_EQ(grid.samples, (Bytes{1, 2, 4, 5, 3, 0, 6, 0}));
}

TEST(Mosaic, RefusesWhatCannotBe) {
  const ImageSet images({1, 1, 1}, 2);
  const ImageSet fewer({1, 1, 1}, 1);
  EXPECT_THROW(mosaic(images, 0), UsageError);
  EXPECT_THROW(mosaic(ImageSet({1, 1, 1}), 1), UsageError);
  EXPECT_THROW(stacked_mosaic({}, 1), UsageError);
  EXPECT_THROW(stacked_mosaic({&images, &fewer}, 1), ShapeError);
  MosaicOptions options;
  options.zoom = 0;
  EXPECT_THROW(mosaic(images, 1, options), UsageError);
  options.zoom = 2000000000;
  EXPECT_THROW(mosaic(images, 1, options), UsageError);
}

TEST(SquareColumns, CoversTheCount) {
  EXPECT_EQ(square_columns(1), 1);
  EXPECT_EQ(square_columns(100), 10);
  EXPECT_EQ(square_columns(101), 11);
}

}  // namespace
}  // namespace pie

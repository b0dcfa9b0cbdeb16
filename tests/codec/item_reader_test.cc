// Items come in order whatever the batches in which images are read, and images are not held longer
// than they are needed.
#include "lib/codec/item_reader.h"

#include <algorithm>

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

// The images of a set, at most `most` at a time; counts how often it was asked.
ImageFeed counting_feed(const ImageSet& images, size_t most, size_t* reads) {
  auto at = std::make_shared<size_t>(0);
  return {images.shape(), 8, images.size(), [=, &images](size_t wanted) {
            const size_t end = *at + std::min(wanted, most);
            ++*reads;
            ImageBatch batch(images.slice(*at, end));
            *at = end;
            return batch;
          }};
}

TEST(ItemReader, GivesTheSameItemsForAllBatches) {
  const auto images = noise_set({3, 9, 14}, 7);
  const Shape item{3, 4, 5};  // 9 tiles an image
  std::vector<Bytes> expected;
  for (size_t i = 0; i < images.size(); ++i) {
    const Tiling tiling(images.shape(), item.height, item.width);
    for (size_t t = 0; t < tiling.count(); ++t) {
      expected.emplace_back(static_cast<size_t>(item.elements()));
      tiling.cut(planar_view(images.shape(), images.data(i)), t, expected.back().data());
    }
  }
  for (const size_t most : {size_t{1}, size_t{3}, size_t{100}}) {
    for (const size_t each : {size_t{1}, size_t{4}, size_t{20}, size_t{63}}) {
      size_t reads = 0, images_seen = 0, at = 0;
      ItemReader reader(counting_feed(images, most, &reads), item,
                        [&](const ImageBatch&, size_t) { ++images_seen; });
      while (at < expected.size()) {
        const auto items = reader.next(std::min(each, expected.size() - at));
        for (size_t k = 0; k < items.size(); ++k, ++at) {
          EXPECT_TRUE(std::equal(expected[at].begin(), expected[at].end(), items.data(k))) << at;
        }
        // No image is read before an item of it is wanted.
        EXPECT_EQ(images_seen, (at + 8) / 9);
      }
      EXPECT_LE(reads, images.size());
    }
  }
}

TEST(ItemReader, LeavesOutChannelsThatAreNotCoded) {
  const Image image = noise_image({4, 5, 6});
  ItemReader reader(feed_of(image), {3, 5, 6}, [](const ImageBatch&, size_t) {});
  const auto item = reader.next(1).image(0);
  for (int y = 0; y < 5; ++y) {
    for (int x = 0; x < 6; ++x) {
      for (int c = 0; c < 3; ++c) EXPECT_EQ(item.at(y, x, c), image.at(y, x, c));
    }
  }
}

TEST(ItemReader, RefusesImagesOfAnotherShapeThanTheFirst) {
  auto feed = feed_of(noise_set({1, 4, 4}, 2));
  feed.shape = {1, 4, 5};
  ItemReader reader(feed, {1, 4, 4}, [](const ImageBatch&, size_t) {});
  EXPECT_THROW(reader.next(1), ShapeError);
}

}  // namespace
}  // namespace pie

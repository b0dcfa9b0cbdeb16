// From a feed of images to the items that a coder works on.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>

#include "lib/codec/image_feed.h"
#include "lib/image/tiling.h"

namespace pie {

// Cuts images into items, which go image by image, tiles of an image row by row. Holds the images
// that the next items are cut from, and no others.
class ItemReader {
 public:
  // Called with each image when it is read, in order.
  using OnImage = std::function<void(const ImageBatch& batch, size_t i)>;

  // Items of shape `item`, of the first `item.channels` channels of the images, or of all bytes of
  // their samples if these are more.
  ItemReader(ImageFeed feed, const Shape& item, OnImage on_image);

  // The next `count` items, of which there must be as many left. Throws ShapeError if an image has
  // another shape or depth than the feed says.
  ImageSet next(size_t count);

 private:
  struct Held {
    uint64_t first;  // index of its first image
    ImageBatch images;
  };
  SampleView image(uint64_t index, uint64_t last_wanted);

  ImageFeed feed_;
  Shape item_;
  OnImage on_image_;
  Tiling tiling_;
  std::deque<Held> held_;
  uint64_t read_ = 0;  // images
  uint64_t next_ = 0;  // item
};

}  // namespace pie

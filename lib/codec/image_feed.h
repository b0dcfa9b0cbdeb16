// Images on their way to a coder: handed over in order, each once, so that they need not all be in
// memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "lib/image/image_batch.h"

namespace pie {

// `count` images of one shape and depth.
struct ImageFeed {
  Shape shape;
  int bits = 8;
  uint64_t count = 1;
  // The next images: at least one; `wanted` are needed at once, and more need not be read yet.
  std::function<ImageBatch(size_t wanted)> next;
};

// One image, and images in memory.
ImageFeed feed_of(Image image);
ImageFeed feed_of(ImageSet images);

}  // namespace pie

#include "lib/codec/image_feed.h"

#include <memory>
#include <utility>

namespace pie {
namespace {

template <typename Images>
ImageFeed feed_once(const Shape& shape, int bits, uint64_t count, Images images) {
  // std::function copies what it holds.
  const auto batch = std::make_shared<ImageBatch>(std::move(images));
  return {shape, bits, count, [batch](size_t) { return std::move(*batch); }};
}

}  // namespace

ImageFeed feed_of(Image image) {
  const Shape shape = image.shape;
  const int bits = image.bits;
  return feed_once(shape, bits, 1, std::move(image));
}

ImageFeed feed_of(ImageSet images) {
  const Shape shape = images.shape();
  const uint64_t count = images.size();
  return feed_once(shape, 8, count, std::move(images));
}

}  // namespace pie

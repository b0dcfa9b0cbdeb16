#include "lib/codec/item_reader.h"

#include <utility>

#include "lib/base/error.h"

namespace pie {
namespace {

Shape with_channels(Shape shape, int64_t channels) {
  shape.channels = channels;
  return shape;
}

}  // namespace

ItemReader::ItemReader(ImageFeed feed, const Shape& item, OnImage on_image)
    : feed_(std::move(feed)),
      item_(item),
      on_image_(std::move(on_image)),
      tiling_(with_channels(feed_.shape, item.channels), item.height, item.width) {}

SampleView ItemReader::image(uint64_t index, uint64_t last_wanted) {
  while (!held_.empty() && held_.front().first + held_.front().images.size() <= index) {
    held_.pop_front();
  }
  while (read_ <= index) {
    Held next{read_, feed_.next(static_cast<size_t>(last_wanted + 1 - read_))};
    if (next.images.shape() != feed_.shape || next.images.bits() != feed_.bits) {
      throw ShapeError("is " + to_string(next.images.shape()) + " of " +
                       std::to_string(next.images.bits()) + " bits, the first image is " +
                       to_string(feed_.shape) + " of " + std::to_string(feed_.bits) +
                       "; encode them one by one");
    }
    for (size_t i = 0; i < next.images.size(); ++i) on_image_(next.images, i);
    read_ += next.images.size();
    held_.push_back(std::move(next));
  }
  auto found = held_.begin();
  while (found->first + found->images.size() <= index) ++found;
  const auto i = static_cast<size_t>(index - found->first);
  if (item_.channels > feed_.shape.channels) return found->images.all(i);
  return first_channels(found->images.high(i), item_.channels);
}

ImageSet ItemReader::next(size_t count) {
  ImageSet items(item_, count);
  const uint64_t last_image = (next_ + count - 1) / tiling_.count();
  for (size_t k = 0; k < count; ++k, ++next_) {
    const uint64_t index = next_ / tiling_.count();
    tiling_.cut(image(index, last_image), static_cast<size_t>(next_ % tiling_.count()),
                items.data(k));
  }
  return items;
}

}  // namespace pie

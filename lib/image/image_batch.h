// Images as they were read, without a copy: one from a file, or many from an archive.
#pragma once

#include <cstddef>
#include <utility>

#include "lib/image/image.h"
#include "lib/image/sample_view.h"

namespace pie {

// Some images of one shape and depth.
class ImageBatch {
 public:
  ImageBatch() = default;
  explicit ImageBatch(Image image)
      : shape_(image.shape), bits_(image.bits), count_(1), image_(std::move(image)) {}
  explicit ImageBatch(ImageSet images)
      : shape_(images.shape()), count_(images.size()), images_(std::move(images)) {}

  const Shape& shape() const { return shape_; }
  int bits() const { return bits_; }  // 8 or 16
  std::size_t size() const { return count_; }

  // The samples of image `i`, or of 16 bits their high and low bytes.
  SampleView high(std::size_t i) const {
    return image_.samples.empty() ? planar_view(shape_, images_.data(i)) : high_bytes(image_);
  }
  SampleView low(std::size_t) const { return low_bytes(image_); }
  SampleView all(std::size_t i) const { return bits_ == 16 ? all_bytes(image_) : high(i); }

  Image image(std::size_t i) const { return image_.samples.empty() ? images_.image(i) : image_; }

 private:
  Shape shape_;
  int bits_ = 8;
  std::size_t count_ = 0;
  Image image_;      // interleaved; either this
  ImageSet images_;  // planar, or these
};

}  // namespace pie

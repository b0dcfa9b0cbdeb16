// Images as plain bytes: one image as a file holds it, and many of one shape as a model wants them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/shape.h"

namespace pie {

// One image with the channels and the depth of the file it came from.
//
// `samples` is interleaved (height, width, channel; no padding between rows). A 16-bit sample is
// two bytes, the high one first as in PNG and PNM, so that the bytes, and a hash of them, are the
// same on every machine.
struct Image {
  Image() = default;
  // A black (and, where there is alpha, transparent) image. Throws UsageError unless there are
  // 1..4 channels, at least one pixel, and 8 or 16 bits.
  explicit Image(const Shape& image_shape, int bits_per_sample = 8);

  std::size_t bytes_per_sample() const { return bits == 16 ? 2 : 1; }
  std::size_t row_bytes() const;
  // The sample of channel `c` at column `x` of row `y`, in [0, 2^bits).
  int at(std::int64_t y, std::int64_t x, std::int64_t c = 0) const;
  void set(std::int64_t y, std::int64_t x, std::int64_t c, int value);

  Shape shape;
  int bits = 8;
  Bytes samples;
};

bool operator==(const Image& a, const Image& b);
bool operator!=(const Image& a, const Image& b);

// Any number of 8-bit images of one shape in one contiguous buffer, each planar (channel,
// height, width): the memory order of an [N, C, H, W] tensor. Images of 16 bits have two channels
// here for each of theirs, the high bytes and the low ones.
class ImageSet {
 public:
  ImageSet() = default;
  // `count` black images. Throws UsageError like Image's constructor.
  explicit ImageSet(const Shape& shape, std::size_t count = 0);
  // Takes `pixels` over as images. Throws ShapeError if it is not a whole number of them.
  ImageSet(const Shape& shape, Bytes pixels);

  const Shape& shape() const { return shape_; }
  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }

  // The planar samples of image `i`, or of all of them.
  const std::uint8_t* data(std::size_t i = 0) const { return pixels_.data() + i * stride_; }
  std::uint8_t* data(std::size_t i = 0) { return pixels_.data() + i * stride_; }
  const Bytes& pixels() const { return pixels_; }

  // Image `i` interleaved. Throws UsageError if there is none.
  Image image(std::size_t i) const;
  // Appends one image. Throws ShapeError if it has another shape or 16 bits.
  void append(const Image& image);
  // The images [begin, end). Throws UsageError unless begin <= end <= size().
  ImageSet slice(std::size_t begin, std::size_t end) const;

 private:
  Shape shape_;
  std::size_t stride_ = 0;  // bytes of one image
  std::size_t count_ = 0;
  Bytes pixels_;
};

// Reorders one 8-bit image between interleaved and planar; `from` and `to` hold
// `shape.elements()` bytes each and do not overlap.
void interleaved_to_planar(const Shape& shape, const std::uint8_t* from, std::uint8_t* to);
void planar_to_interleaved(const Shape& shape, const std::uint8_t* from, std::uint8_t* to);

// The `height` x `width` rectangle whose top left pixel is column `x` of row `y`. Throws ShapeError
// if it does not lie within the image.
Image crop(const Image& image, std::int64_t x, std::int64_t y, std::int64_t width,
           std::int64_t height);

// The image mirrored left to right.
Image flip_horizontal(const Image& image);

// The image moved right by `x` and down by `y` pixels; what comes into view repeats the edge.
Image shift(const Image& image, std::int64_t x, std::int64_t y);

}  // namespace pie

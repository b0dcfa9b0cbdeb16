#include "lib/image/image.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::int64_t kMostChannels = 4;

void check_shape(const Shape& shape, std::int64_t most_channels) {
  if (shape.channels < 1 || shape.channels > most_channels || shape.height < 1 || shape.width < 1) {
    throw UsageError("an image cannot have the shape " + to_string(shape) +
                     "; it needs 1 to 4 channels and at least one pixel");
  }
}

// Copies `count` pixels of `size` bytes each, in reverse order.
void copy_reversed(const std::uint8_t* from, std::uint8_t* to, std::size_t count,
                   std::size_t size) {
  for (std::size_t i = 0; i < count; ++i) {
    std::copy_n(from + (count - 1 - i) * size, size, to + i * size);
  }
}

}  // namespace

Image::Image(const Shape& image_shape, int bits_per_sample)
    : shape(image_shape), bits(bits_per_sample) {
  check_shape(shape, kMostChannels);
  if (bits != 8 && bits != 16) {
    throw UsageError("an image cannot have " + std::to_string(bits) +
                     " bits per sample; it has 8 or 16");
  }
  samples.resize(static_cast<std::size_t>(shape.elements()) * bytes_per_sample());
}

std::size_t Image::row_bytes() const {
  return static_cast<std::size_t>(shape.width) * static_cast<std::size_t>(shape.channels) *
         bytes_per_sample();
}

int Image::at(std::int64_t y, std::int64_t x, std::int64_t c) const {
  const std::size_t i = static_cast<std::size_t>(y) * row_bytes() +
                        static_cast<std::size_t>(x * shape.channels + c) * bytes_per_sample();
  return bits == 16 ? samples[i] * 256 + samples[i + 1] : samples[i];
}

void Image::set(std::int64_t y, std::int64_t x, std::int64_t c, int value) {
  const std::size_t i = static_cast<std::size_t>(y) * row_bytes() +
                        static_cast<std::size_t>(x * shape.channels + c) * bytes_per_sample();
  if (bits == 16) {
    samples[i] = static_cast<std::uint8_t>(value >> 8);
    samples[i + 1] = static_cast<std::uint8_t>(value & 255);
  } else {
    samples[i] = static_cast<std::uint8_t>(value);
  }
}

bool operator==(const Image& a, const Image& b) {
  return a.shape == b.shape && a.bits == b.bits && a.samples == b.samples;
}

bool operator!=(const Image& a, const Image& b) { return !(a == b); }

ImageSet::ImageSet(const Shape& shape, std::size_t count)
    : shape_(shape), stride_(static_cast<std::size_t>(shape.elements())), count_(count) {
  check_shape(shape, 2 * kMostChannels);
  pixels_.resize(count * stride_);
}

ImageSet::ImageSet(const Shape& shape, Bytes pixels) : ImageSet(shape) {
  if (pixels.size() % stride_ != 0) {
    throw ShapeError(std::to_string(pixels.size()) + " bytes are not a whole number of " +
                     to_string(shape) + " images");
  }
  count_ = pixels.size() / stride_;
  pixels_ = std::move(pixels);
}

Image ImageSet::image(std::size_t i) const {
  if (i >= count_) {
    throw UsageError("there is no image " + std::to_string(i) + " in a set of " +
                     std::to_string(count_) + " (they count from 0)");
  }
  Image result(shape_);
  planar_to_interleaved(shape_, data(i), result.samples.data());
  return result;
}

void ImageSet::append(const Image& image) {
  if (image.shape != shape_ || image.bits != 8) {
    throw ShapeError("an image of shape " + to_string(image.shape) + " and " +
                     std::to_string(image.bits) + " bits does not fit a set of 8-bit " +
                     to_string(shape_) + " images");
  }
  pixels_.resize(pixels_.size() + stride_);
  interleaved_to_planar(shape_, image.samples.data(), data(count_));
  ++count_;
}

ImageSet ImageSet::slice(std::size_t begin, std::size_t end) const {
  if (begin > end || end > count_) {
    throw UsageError("images " + std::to_string(begin) + " to " + std::to_string(end) +
                     " are not within a set of " + std::to_string(count_));
  }
  return ImageSet(shape_, Bytes(data(begin), data(end)));
}

void interleaved_to_planar(const Shape& shape, const std::uint8_t* from, std::uint8_t* to) {
  const std::size_t channels = static_cast<std::size_t>(shape.channels);
  const auto pixels = static_cast<std::size_t>(shape.pixels());
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t p = 0; p < pixels; ++p) to[c * pixels + p] = from[p * channels + c];
  }
}

void planar_to_interleaved(const Shape& shape, const std::uint8_t* from, std::uint8_t* to) {
  const std::size_t channels = static_cast<std::size_t>(shape.channels);
  const auto pixels = static_cast<std::size_t>(shape.pixels());
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t p = 0; p < pixels; ++p) to[p * channels + c] = from[c * pixels + p];
  }
}

Image crop(const Image& image, std::int64_t x, std::int64_t y, std::int64_t width,
           std::int64_t height) {
  const Shape& full = image.shape;
  // Written without sums, which could overflow.
  if (width < 1 || height < 1 || x < 0 || y < 0 || width > full.width || height > full.height ||
      x > full.width - width || y > full.height - height) {
    throw ShapeError("a crop of " + std::to_string(height) + "x" + std::to_string(width) +
                     " at row " + std::to_string(y) + ", column " + std::to_string(x) +
                     " does not lie within an image of " + std::to_string(full.height) + "x" +
                     std::to_string(full.width));
  }
  Image result(Shape{full.channels, height, width}, image.bits);
  const std::size_t pixel_bytes =
      static_cast<std::size_t>(full.channels) * image.bytes_per_sample();
  for (std::int64_t row = 0; row < height; ++row) {
    std::copy_n(image.samples.data() + static_cast<std::size_t>(y + row) * image.row_bytes() +
                    static_cast<std::size_t>(x) * pixel_bytes,
                result.row_bytes(),
                result.samples.data() + static_cast<std::size_t>(row) * result.row_bytes());
  }
  return result;
}

Image flip_horizontal(const Image& image) {
  Image result = image;
  const std::size_t row = image.row_bytes();
  const std::size_t pixel_bytes =
      static_cast<std::size_t>(image.shape.channels) * image.bytes_per_sample();
  for (std::size_t start = 0; start < image.samples.size(); start += row) {
    copy_reversed(image.samples.data() + start, result.samples.data() + start, row / pixel_bytes,
                  pixel_bytes);
  }
  return result;
}

Image shift(const Image& image, std::int64_t x, std::int64_t y) {
  const auto& g = image.shape;
  Image result = image;
  const std::size_t pixel = static_cast<std::size_t>(g.channels) * image.bytes_per_sample();
  for (std::int64_t row = 0; row < g.height; ++row) {
    const auto from_row =
        static_cast<std::size_t>(std::clamp<std::int64_t>(row - y, 0, g.height - 1));
    const std::uint8_t* from = image.samples.data() + from_row * image.row_bytes();
    std::uint8_t* to = result.samples.data() + static_cast<std::size_t>(row) * image.row_bytes();
    for (std::int64_t column = 0; column < g.width; ++column, to += pixel) {
      const auto from_column =
          static_cast<std::size_t>(std::clamp<std::int64_t>(column - x, 0, g.width - 1));
      std::copy_n(from + from_column * pixel, pixel, to);
    }
  }
  return result;
}

}  // namespace pie

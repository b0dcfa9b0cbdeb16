// The shape of images, tensors and flows: one type for all of them.
#pragma once

#include <cstdint>
#include <string>

namespace pie {

// Channels, height and width of one image, item or feature map. Vectors of d features are
// {d, 1, 1}; images have 1 (gray), 2 (gray + alpha), 3 (RGB) or 4 (RGBA) channels.
struct Shape {
  std::int64_t channels = 0, height = 0, width = 0;

  std::int64_t pixels() const { return height * width; }
  std::int64_t elements() const { return channels * height * width; }

  bool operator==(const Shape& o) const {
    return channels == o.channels && height == o.height && width == o.width;
  }
  bool operator!=(const Shape& o) const { return !(*this == o); }
};

// "CxHxW", such as "1x28x28".
inline std::string to_string(const Shape& shape) {
  return std::to_string(shape.channels) + "x" + std::to_string(shape.height) + "x" +
         std::to_string(shape.width);
}

}  // namespace pie

#include "lib/image/ycbcr.h"

#include <algorithm>
#include <cmath>

#include "lib/base/error.h"

namespace pie {
namespace {

std::uint8_t to_level(float value) {
  return static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
}

struct Colour {
  float y, cb, cr;
};

Colour to_ycbcr(const std::uint8_t* rgb) {
  const float r = rgb[0], g = rgb[1], b = rgb[2];
  return {0.299F * r + 0.587F * g + 0.114F * b, -0.168736F * r - 0.331264F * g + 0.5F * b + 128,
          0.5F * r - 0.418688F * g - 0.081312F * b + 128};
}

void to_rgb(float y, float cb, float cr, std::uint8_t* rgb) {
  rgb[0] = to_level(y + 1.402F * (cr - 128));
  rgb[1] = to_level(y - 0.344136F * (cb - 128) - 0.714136F * (cr - 128));
  rgb[2] = to_level(y + 1.772F * (cb - 128));
}

}  // namespace

Image through_ycbcr(const Image& image, bool halved) {
  if (image.bits != 8 || image.shape.channels != 3) {
    throw UsageError("only 8-bit RGB images become YCbCr");
  }
  const std::int64_t step = halved ? 2 : 1;
  const auto height = image.shape.height, width = image.shape.width;
  Image result(image.shape);
  for (std::int64_t y = 0; y < height; y += step) {
    for (std::int64_t x = 0; x < width; x += step) {
      const auto rows = std::min(step, height - y), columns = std::min(step, width - x);
      float cb = 0, cr = 0;
      const auto visit = [&](const auto& work) {
        for (std::int64_t i = 0; i < rows * columns; ++i) {
          work(static_cast<std::size_t>(((y + i / columns) * width + x + i % columns) * 3));
        }
      };
      visit([&](std::size_t at) {
        const auto colour = to_ycbcr(image.samples.data() + at);
        cb += colour.cb;
        cr += colour.cr;
      });
      const auto count = static_cast<float>(rows * columns);
      cb = to_level(cb / count);
      cr = to_level(cr / count);
      visit([&](std::size_t at) {
        to_rgb(to_level(to_ycbcr(image.samples.data() + at).y), cb, cr, result.samples.data() + at);
      });
    }
  }
  return result;
}

}  // namespace pie

#include "lib/image/resample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kLanczosLobes = 3;

double lanczos(double x) {
  if (x == 0) return 1;
  if (std::abs(x) >= kLanczosLobes) return 0;
  const double a = kPi * x, b = a / kLanczosLobes;
  return std::sin(a) / a * std::sin(b) / b;
}

// The share of [low, high] that lies in the unit interval of sample `i`.
double overlap(double low, double high, std::int64_t i) {
  const auto at = static_cast<double>(i);
  return std::max(0.0, std::min(high, at + 1) - std::max(low, at));
}

// The samples, and their weights, that one sample of a shrunk line is made of.
struct Taps {
  std::int64_t first;
  std::vector<float> weights;
};

std::vector<Taps> taps_of(std::int64_t from, std::int64_t to, ResampleKernel kernel) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  const double radius = kernel == ResampleKernel::kArea ? ratio / 2 : kLanczosLobes * ratio;
  std::vector<Taps> all;
  for (std::int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * ratio;
    const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - radius));
    const auto last = std::min(from - 1, static_cast<std::int64_t>(centre + radius));
    Taps taps{first, {}};
    double sum = 0;
    std::vector<double> weights;
    for (std::int64_t k = first; k <= last; ++k) {
      weights.push_back(kernel == ResampleKernel::kArea
                            ? overlap(centre - radius, centre + radius, k)
                            : lanczos((static_cast<double>(k) + 0.5 - centre) / ratio));
      sum += weights.back();
    }
    for (const double weight : weights) taps.weights.push_back(static_cast<float>(weight / sum));
    all.push_back(std::move(taps));
  }
  return all;
}

// Catmull-Rom's weights, times 2 s^3, of the samples -1, 0, 1 and 2 at t / s between samples 0 and
// 1.
template <typename Number>
std::array<Number, 4> catmull_rom(Number t, Number s) {
  return {t * (2 * t * s - t * t - s * s), 2 * s * s * s - 5 * t * t * s + 3 * t * t * t,
          t * (s * s + 4 * t * s - 3 * t * t), t * t * (t - s)};
}

std::uint8_t to_level(float value) {
  return static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
}

// Weights, of 2^12, of the samples -1, 0, 1 and 2 at `at` / `step` between samples 0 and 1.
using CubicWeights = std::array<std::int32_t, 4>;
constexpr int kCubicBits = 12;

CubicWeights cubic_weights(std::int64_t at, std::int64_t step) {
  const std::int64_t whole = 2 * step * step * step;
  const auto exact = catmull_rom(at, step);
  CubicWeights weights{};
  std::int32_t left = 1 << kCubicBits;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::int64_t scaled = exact[i] * (1 << kCubicBits);
    weights[i] =
        static_cast<std::int32_t>((2 * scaled + (scaled < 0 ? -whole : whole)) / (2 * whole));
    left -= weights[i];
  }
  weights[2 * at < step ? 1 : 2] += left;
  return weights;
}

// `count` samples, `from_stride` apart, to `length` samples of which every `step`-th is known.
template <typename From, typename Store>
void interpolate_line(const From* from, std::int64_t count, std::int64_t from_stride,
                      const std::vector<CubicWeights>& weights, std::int64_t length,
                      const Store& store) {
  const auto step = static_cast<std::int64_t>(weights.size());
  for (std::int64_t i = 0; i < length; ++i) {
    const auto& w = weights[static_cast<std::size_t>(i % step)];
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < 4; ++k) {
      const auto at = std::clamp<std::int64_t>(i / step + k - 1, 0, count - 1);
      sum += std::int64_t{w[static_cast<std::size_t>(k)]} * from[at * from_stride];
    }
    store(i, sum);
  }
}

}  // namespace

Bytes interpolate_plane(const Bytes& known, std::int64_t step, std::int64_t height,
                        std::int64_t width) {
  if (step == 1) return known;
  std::vector<CubicWeights> weights;
  for (std::int64_t at = 0; at < step; ++at) weights.push_back(cubic_weights(at, step));
  const std::int64_t rows = (height + step - 1) / step, columns = (width + step - 1) / step;
  std::vector<std::int32_t> wide(static_cast<std::size_t>(rows * width));  // in units of 2^-12
  for (std::int64_t y = 0; y < rows; ++y) {
    auto* to = wide.data() + y * width;
    interpolate_line(
        known.data() + y * columns, columns, 1, weights, width,
        [&](std::int64_t x, std::int64_t sum) { to[x] = static_cast<std::int32_t>(sum); });
  }
  Bytes result(static_cast<std::size_t>(height * width));
  for (std::int64_t x = 0; x < width; ++x) {
    interpolate_line(wide.data() + x, rows, width, weights, height,
                     [&](std::int64_t y, std::int64_t sum) {
                       constexpr std::int64_t kHalf = std::int64_t{1} << (2 * kCubicBits - 1);
                       result[static_cast<std::size_t>(y * width + x)] = static_cast<std::uint8_t>(
                           std::clamp<std::int64_t>((sum + kHalf) >> (2 * kCubicBits), 0, 255));
                     });
  }
  return result;
}

Image warp(const Image& image, const LinearMap& map) {
  if (image.bits != 8) throw UsageError("only 8-bit images are warped");
  const auto& g = image.shape;
  const double middle_y = static_cast<double>(g.height - 1) / 2,
               middle_x = static_cast<double>(g.width - 1) / 2;
  Image result(g);
  auto* to = result.samples.data();
  for (std::int64_t row = 0; row < g.height; ++row) {
    for (std::int64_t column = 0; column < g.width; ++column) {
      const double dy = static_cast<double>(row) - middle_y,
                   dx = static_cast<double>(column) - middle_x;
      const double y = middle_y + map.yx * dx + map.yy * dy,
                   x = middle_x + map.xx * dx + map.xy * dy;
      const double top = std::floor(y), left = std::floor(x);
      const auto rows = catmull_rom(y - top, 1.0), columns = catmull_rom(x - left, 1.0);
      for (std::int64_t c = 0; c < g.channels; ++c) {
        double sum = 0;
        for (std::size_t i = 0; i < 4; ++i) {
          const double at_y = std::clamp(top + static_cast<double>(i) - 1, 0.0, 2 * middle_y);
          for (std::size_t j = 0; j < 4; ++j) {
            const double at_x = std::clamp(left + static_cast<double>(j) - 1, 0.0, 2 * middle_x);
            sum += rows[i] * columns[j] *
                   image.at(static_cast<std::int64_t>(at_y), static_cast<std::int64_t>(at_x), c);
          }
        }
        *to++ = to_level(static_cast<float>(sum / 4));
      }
    }
  }
  return result;
}

Image shrink(const Image& image, std::int64_t height, std::int64_t width, ResampleKernel kernel) {
  const auto& from = image.shape;
  if (image.bits != 8) throw UsageError("only 8-bit images are shrunk");
  if (height < 1 || width < 1 || height > from.height || width > from.width) {
    throw ShapeError("an image of " + to_string(from) + " does not shrink to " +
                     std::to_string(width) + "x" + std::to_string(height) + " pixels");
  }
  const auto channels = from.channels;
  const auto rows = taps_of(from.height, height, kernel),
             columns = taps_of(from.width, width, kernel);
  const auto line = static_cast<std::size_t>(from.width * channels);
  std::vector<float> sums(line);
  Image result({channels, height, width});
  auto* to = result.samples.data();
  for (const auto& row : rows) {
    std::fill(sums.begin(), sums.end(), 0.0F);
    for (std::size_t k = 0; k < row.weights.size(); ++k) {
      const auto* samples = image.samples.data() + (static_cast<std::size_t>(row.first) + k) * line;
      for (std::size_t i = 0; i < line; ++i) {
        sums[i] += row.weights[k] * static_cast<float>(samples[i]);
      }
    }
    for (const auto& column : columns) {
      for (std::int64_t c = 0; c < channels; ++c) {
        float sum = 0;
        const float* at = sums.data() + column.first * channels + c;
        for (const float weight : column.weights) {
          sum += weight * *at;
          at += channels;
        }
        *to++ = to_level(sum);
      }
    }
  }
  return result;
}

}  // namespace pie

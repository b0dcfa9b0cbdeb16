// The planes of images by their definition: where each sample of a plane is.
#pragma once

#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/random.h"
#include "lib/exact/planes.h"

namespace pie::test {

// Of all samples of a plane, row by row: row and column in the image.
inline std::vector<std::pair<std::int64_t, std::int64_t>> positions(const ScaleLayout& layout,
                                                                    const ExactPlane& plane) {
  const std::int64_t unit = std::int64_t{1} << plane.scale;
  const bool coarsest = plane.scale == layout.depth;
  const auto first = coarsest ? CellPhase{0, 0} : kCellPhases.at(plane.phase);
  const std::int64_t step = coarsest ? unit : 2 * unit;
  std::vector<std::pair<std::int64_t, std::int64_t>> all;
  for (std::int64_t y = 0; y < plane.rows; ++y) {
    for (std::int64_t x = 0; x < plane.columns; ++x) {
      all.emplace_back(first.dy * unit + y * step, first.dx * unit + x * step);
    }
  }
  return all;
}

// n images: the levels of each channel, [n, height, width].
struct Images {
  std::int64_t n, height, width;
  std::vector<Bytes> channels;

  std::uint8_t& at(std::int64_t channel, std::int64_t i, std::int64_t y, std::int64_t x) {
    return channels[static_cast<std::size_t>(channel)]
                   [static_cast<std::size_t>((i * height + y) * width + x)];
  }
};

inline Images random_images(std::int64_t n, std::int64_t channels, std::int64_t height,
                            std::int64_t width, std::uint64_t seed = 1) {
  Images images{n, height, width, {}};
  for (std::int64_t c = 0; c < channels; ++c) {
    const CounterRandom random(seed, static_cast<std::uint64_t>(c));
    auto& levels = images.channels.emplace_back(static_cast<std::size_t>(n * height * width));
    for (std::size_t k = 0; k < levels.size(); ++k) {
      levels[k] = static_cast<std::uint8_t>(random.bits(k) & 255U);
    }
  }
  return images;
}

// The samples of a plane in all images, [n * samples].
inline Bytes samples_of(Images& images, const ScaleLayout& layout, const ExactPlane& plane) {
  Bytes samples;
  for (std::int64_t i = 0; i < images.n; ++i) {
    for (const auto& [y, x] : positions(layout, plane)) {
      samples.push_back(images.at(plane.channel, i, y, x));
    }
  }
  return samples;
}

}  // namespace pie::test

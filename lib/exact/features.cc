#include "lib/exact/features.h"

#include <algorithm>

#include "lib/base/cpu_clones.h"

namespace pie {
namespace {

// Of a difference in steps of 1/8 level.
inline std::int32_t difference_activation(std::int32_t eighths) {
  const std::int32_t quarters = (eighths + 1) >> 1;
  const std::int32_t size = quarters < 0 ? -quarters : quarters;
  const std::int32_t far = std::min(std::max(size - 32, 0) >> 2, 31);
  const std::int32_t steps = std::min(size, 32) + far;
  return 64 + (quarters < 0 ? -steps : steps);
}

}  // namespace

void level_feature(const std::uint8_t* levels, std::size_t cells, FeatureColumn to) {
  for (std::size_t i = 0; i < cells; ++i) to.data[i * to.stride] = levels[i] >> 1;
}

void low_bits_feature(const std::uint8_t* levels, std::size_t cells, FeatureColumn to) {
  for (std::size_t i = 0; i < cells; ++i) {
    to.data[i * to.stride] = static_cast<std::uint8_t>((levels[i] & 15U) << 3U);
  }
}

PIE_CPU_CLONES void difference_feature(const std::uint8_t* levels, const std::int16_t* means,
                                       std::size_t cells, FeatureColumn to) {
  for (std::size_t i = 0; i < cells; ++i) {
    to.data[i * to.stride] =
        static_cast<std::uint8_t>(difference_activation(kMeanSteps * levels[i] - means[i]));
  }
}

PIE_CPU_CLONES void step_feature(const std::uint8_t* levels, const CellGrid& grid, bool down,
                                 FeatureColumn to) {
  for (std::int64_t row = 0; row < grid.n * grid.height; ++row) {
    const std::uint8_t* here = levels + row * grid.width;
    const std::uint8_t* next = here;
    if (down && row % grid.height != grid.height - 1) next += grid.width;
    std::uint8_t* out = to.data + static_cast<std::size_t>(row * grid.width) * to.stride;
    for (std::int64_t x = 0; x < grid.width; ++x, out += to.stride) {
      const std::int64_t at = down ? x : std::min(x + 1, grid.width - 1);
      *out = static_cast<std::uint8_t>(difference_activation(kMeanSteps * (next[at] - here[x])));
    }
  }
}

void position_feature(const CellGrid& grid, bool down, FeatureColumn to) {
  constexpr std::int64_t kMost = 127;
  const std::int64_t last = std::max<std::int64_t>(1, (down ? grid.height : grid.width) - 1);
  std::uint8_t* out = to.data;
  for (std::int64_t row = 0; row < grid.n * grid.height; ++row) {
    for (std::int64_t x = 0; x < grid.width; ++x, out += to.stride) {
      *out = static_cast<std::uint8_t>((down ? row % grid.height : x) * kMost / last);
    }
  }
}

void constant_feature(std::uint8_t value, std::size_t cells, FeatureColumn to) {
  for (std::size_t i = 0; i < cells; ++i) to.data[i * to.stride] = value;
}

PIE_CPU_CLONES void expected_means(const std::uint8_t* coarse, const std::uint8_t* diagonal,
                                   const CellGrid& grid, std::size_t phase, std::int16_t* means) {
  const auto [dy, dx] = kCellPhases.at(phase);
  for (std::int64_t row = 0; row < grid.n * grid.height; ++row) {
    const std::int64_t y = row % grid.height;
    const std::uint8_t* here = coarse + row * grid.width;
    const std::uint8_t* below = y + 1 < grid.height ? here + grid.width : here;
    const std::uint8_t* other = diagonal + row * grid.width;
    const std::uint8_t* above = y > 0 ? other - grid.width : other;
    std::int16_t* out = means + row * grid.width;
    for (std::int64_t x = 0; x < grid.width; ++x) {
      const std::int64_t right = std::min(x + 1, grid.width - 1),
                         left = std::max<std::int64_t>(x - 1, 0);
      const int sum = dy == 1 && dx == 1 ? here[x] + here[right] + below[x] + below[right]
                      : dy == 1          ? here[x] + below[x] + other[x] + other[left]
                                         : here[x] + here[right] + other[x] + above[x];
      out[x] = static_cast<std::int16_t>(sum * (kMeanSteps / 4));
    }
  }
}

}  // namespace pie

// What the networks of an exact PIE see of samples that are known, and what neighbours predict of
// samples that are not: integers, specified in FORMAT.md.
//
// Features are activations, 0 to 127, in rows: one row for each cell of n images, image by image,
// row by row; `stride` bytes from one row to the next. Planes hold a level for each cell.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "lib/exact/planes.h"

namespace pie {

// The cells of a scale of n images.
struct CellGrid {
  std::int64_t n, height, width;
  std::size_t cells() const { return static_cast<std::size_t>(n * height * width); }
};

inline constexpr std::int32_t kMeanSteps = 8;  // of a mean, in each level
inline constexpr std::int32_t kLowestMean = -256, kHighestMean = 2303;
inline constexpr std::int32_t kMiddleOfMeans = 128 * kMeanSteps;

// Where features of one kind go.
struct FeatureColumn {
  std::uint8_t* data;
  std::size_t stride;
};

// level / 2.
void level_feature(const std::uint8_t* levels, std::size_t cells, FeatureColumn to);
// The last four bits, which absolute means need: scans saturate at 252 in one image, at 254 in
// another.
void low_bits_feature(const std::uint8_t* levels, std::size_t cells, FeatureColumn to);
// How far levels are above means in steps of 1/8 level: four steps a level up to 8 levels, one from
// there to 39, for noise is as small as edges are large.
void difference_feature(const std::uint8_t* levels, const std::int16_t* means, std::size_t cells,
                        FeatureColumn to);
// The same of the next cell to the right (`down` false) or below, above the cell itself; the last
// column or row is its own neighbour.
void step_feature(const std::uint8_t* levels, const CellGrid& grid, bool down, FeatureColumn to);
// The row (`down`) or column of a cell, from 0 to 127.
void position_feature(const CellGrid& grid, bool down, FeatureColumn to);
void constant_feature(std::uint8_t value, std::size_t cells, FeatureColumn to);

// The four nearest samples of the cell in column `x` of row `y` that are known before phase number
// `phase`: those of the coarse image and, but for the first phase, those of the diagonal. Rows of
// all images are counted through.
inline std::array<std::uint8_t, 4> neighbour_levels(const std::uint8_t* coarse,
                                                    const std::uint8_t* diagonal,
                                                    const CellGrid& grid, std::size_t phase,
                                                    std::int64_t y, std::int64_t x) {
  const std::int64_t at = y * grid.width + x, in_image = y % grid.height;
  const std::int64_t right = x + 1 < grid.width ? at + 1 : at;
  const std::int64_t below = in_image + 1 < grid.height ? grid.width : 0;
  if (phase == 0) return {coarse[at], coarse[right], coarse[at + below], coarse[right + below]};
  if (phase == 1) {
    return {coarse[at], coarse[right], diagonal[at], diagonal[in_image > 0 ? at - grid.width : at]};
  }
  return {coarse[at], coarse[at + below], diagonal[at], diagonal[x > 0 ? at - 1 : at]};
}

// The means of neighbour_levels, in steps of 1/8 level.
void expected_means(const std::uint8_t* coarse, const std::uint8_t* diagonal, const CellGrid& grid,
                    std::size_t phase, std::int16_t* means);

}  // namespace pie

// The scales of an image and the planes that its samples are coded in, coarse to fine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/shape.h"

namespace pie {

// Where a phase's first sample is in the 2x2 cells of a scale.
struct CellPhase {
  std::int64_t dy, dx;
};
// Phase (0, 0) is the image of the next scale. Of the others the diagonal comes first: its four
// known neighbours surround it, and with it those of the rest.
inline constexpr std::array<CellPhase, 3> kCellPhases{{{1, 1}, {0, 1}, {1, 0}}};

// The channel of an image that is coded as number `channel` of `channels`: green first, which says
// most about the others.
constexpr std::int64_t coded_channel(std::int64_t channels, std::int64_t channel) {
  return channels >= 3 && channel < 2 ? 1 - channel : channel;
}

// How images are taken apart: part of a model.
struct ScaleLayout {
  std::int64_t channels;
  std::int64_t depth;   // how often an image is halved
  std::int64_t layers;  // the finest scales, which have a layer of a code file each; the rest is z
};

// Samples that are coded together: one phase of the cells of one scale, in one channel; or, at
// scale `depth`, one channel of the coarsest image.
struct ExactPlane {
  std::size_t layer;  // of the code file: 0 is z
  std::int64_t scale;
  std::size_t phase;
  std::int64_t channel;
  std::int64_t rows, columns;  // of samples
  std::int64_t samples() const { return rows * columns; }
};

// Where a plane's samples are in the image: every `step`-th row and column from the first on.
struct SampleGrid {
  std::int64_t row, column, step;
};
SampleGrid sample_grid(const ScaleLayout& layout, const ExactPlane& plane);

// The images of all scales of an image of `height` x `width`, finest first: each has half the rows
// and columns of the one before, rounded up, and so as many as that one has cells.
std::vector<Shape> scale_images(const ScaleLayout& layout, std::int64_t height, std::int64_t width);

// The planes of such an image in coding order, coarse to fine, without those that have no samples;
// layers ascend.
std::vector<ExactPlane> exact_planes(const ScaleLayout& layout, std::int64_t height,
                                     std::int64_t width);

}  // namespace pie

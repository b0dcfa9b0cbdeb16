// The planes that an image is taken apart into, and their order.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "lib/base/shape.h"
#include "lib/model/integer_config.h"

namespace pie {

// Samples that are known or coded together: one phase of the 2x2 cells of one scale, in one
// channel; or one channel of the coarsest image.
struct IntegerPlane {
  size_t layer;  // of the code file: 0 is z
  size_t net;    // that computes its parameters, in the head of its channel
  int64_t channel;
  int64_t rows, columns;  // of samples
  int64_t samples() const { return rows * columns; }
};

// Where a phase's first sample is in a 2x2 cell.
struct Phase {
  int64_t dy, dx;
};
// Phase (0, 0) is the image of the next scale. Of the others the diagonal comes first: its four
// known neighbours surround it, and with it those of the rest.
inline constexpr Phase kPhases[] = {{1, 1}, {0, 1}, {1, 0}};

// Samples of a phase in `plane` [N, H, W]: every second row and column.
torch::Tensor phase_of(const torch::Tensor& plane, Phase phase);

// The images of all scales of an image of `height` x `width`, finest first: each has half the rows
// and columns of the one before, rounded up.
std::vector<Shape> scale_shapes(const IntegerPieConfig& config, int64_t height, int64_t width);

// The planes of such an image in coding order, coarse to fine; layers ascend.
std::vector<IntegerPlane> integer_planes(const IntegerPieConfig& config, int64_t height,
                                         int64_t width);

// The planes of images [N, C, H, W] of levels, each [N * samples], image by image, row by row.
std::vector<torch::Tensor> split_planes(const IntegerPieConfig& config,
                                        const torch::Tensor& levels);

}  // namespace pie

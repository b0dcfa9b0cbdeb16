// What the networks of an integer PIE see of samples that are known: exact small integers, as
// activations. All planes are [N, H, W] of levels.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "lib/model/integer_config.h"
#include "lib/model/integer_planes.h"

namespace pie {

// Appends what `levels` say by themselves: level_features() tensors.
void add_level_features(std::vector<torch::Tensor>& features, const torch::Tensor& levels,
                        const IntegerPieConfig& config);
int64_t level_features(const IntegerPieConfig& config);

// How far `levels` are from what was expected of them.
torch::Tensor difference_feature(const torch::Tensor& levels, const torch::Tensor& expected);

// Row or column (`dim` 1 or 2) of [n, height, width], from 0 to the largest activation.
torch::Tensor position_feature(int64_t n, int64_t height, int64_t width, int64_t dim);

// plane[y + step] along `dim`, with the first or last repeated where there is none; `step` is 1 or
// -1.
torch::Tensor neighbour(const torch::Tensor& plane, int64_t dim, int64_t step);

// The mean, in indices of a mean, of the four nearest samples that are known before `phase`: those
// of the coarse image and, but for the first phase, those of the diagonal.
torch::Tensor interpolate(const torch::Tensor& coarse, const torch::Tensor& diagonal, Phase phase);

// The integer levels nearest to means in indices.
torch::Tensor nearest_levels(const torch::Tensor& mean);

// Features of the images first ... last - 1 as rows; undefined if there are none.
torch::Tensor feature_rows(const std::vector<torch::Tensor>& features, int64_t first, int64_t last);

}  // namespace pie

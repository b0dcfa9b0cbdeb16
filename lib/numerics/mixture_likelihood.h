// Likelihood of 8-bit samples under discretized mixtures of logistics, for training.
#pragma once

#include <torch/torch.h>

namespace pie {

// ln P(v) of levels v [M], 0 ... 255 in float32, under mixtures of K logistics, with gradients with
// respect to `parameters` [M, 3K] float32: ln weights up to a constant, means in levels relative to
// `base` [M], ln scales in levels; parameters and base are divided by `unit`, and means are clamped
// to `range`. P is the mass from
// v - 1/2 to v + 1/2, the tails beyond 0 and 255 added to those two, and `floor` added to all.
struct MeanRange {
  double low, high;  // levels
};
torch::Tensor logistic_mixture_log_prob(const torch::Tensor& parameters, const torch::Tensor& base,
                                        const torch::Tensor& v, double unit, MeanRange range,
                                        double floor);

}  // namespace pie

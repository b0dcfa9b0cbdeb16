// What images drawn from a model look like, in figures.
#pragma once

#include <cmath>
#include <cstddef>

#include "lib/codec/item_coder.h"
#include "lib/eval/feature_space.h"
#include "lib/image/quality.h"

namespace pie {

struct DrawReport {
  RunningMean sharpness;          // of each draw
  double frechet_distance = NAN;  // from the data of the feature space; NaN without one
  ImageSet images;                // the draws
};

// Draws `count` images and measures them, with a null `space` in pixels only. Throws what
// coder_for, ItemCoder::draw and FeatureSpace throw.
DrawReport evaluate_draws(const LoadedModel& model, size_t count, const SamplingOptions& options,
                          const FeatureSpace* space);

}  // namespace pie

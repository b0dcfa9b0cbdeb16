// New images from a trained PIE: samples and paths between two images.
#pragma once

#include <cstdint>

#include "lib/image/image.h"
#include "lib/model/model_file.h"

namespace pie {

struct SamplingOptions {
  double temperature = 1;           // T of z ~ N(0, T^2 I)
  double residual_temperature = 0;  // R of r_l = g_l(z_l) + R eps0 n, n ~ N(0, I)
  uint64_t seed = 0;
};

// `count` samples; sample k depends on (seed, k) alone.
ImageSet sample(const LoadedModel& model, size_t count, const SamplingOptions& options);

// `steps` images (at least 2) on the straight line between the latents of image 0 and image 1 of
// `ends`, both of the model's geometry; r = g(z).
ImageSet interpolate(const LoadedModel& model, const ImageSet& ends, size_t steps);

}  // namespace pie

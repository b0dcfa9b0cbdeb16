// How well the iterative inverse of a model with residual blocks gives images back from all of
// their latents.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/progress_callback.h"
#include "lib/image/image.h"
#include "lib/model/model.h"

namespace pie {

struct InversionReport {
  double max_abs_error = 0;  // of pixels in [0, 1]
  double rms_error = 0;
  double error_bound = 0;  // largest a-posteriori bound of a block: 2-norm, in units of its input
  int64_t iterations_max = 0;
  double iterations_mean = 0;  // of a block and image
  ImageSet images;             // as they come back
};

// Encodes the images and inverts, in float32, by the iteration that decoding uses. What does not
// converge is measured, not refused.
InversionReport evaluate_inversion(Model& model, const ImageSet& images,
                                   const ProgressCallback& progress = {});

// The same after at most `iterations` steps of the plain iteration, whose errors show the Lipschitz
// constant.
InversionReport evaluate_plain_inversion(Model& model, const ImageSet& images, int64_t iterations);

// The certified Lipschitz bound of each residual block, data first.
std::vector<double> lipschitz_bounds(const Model& model);

}  // namespace pie

// Images as they come back from z alone, and how close they are.
#pragma once

#include <cstddef>
#include <limits>

#include "lib/base/progress_callback.h"
#include "lib/image/image_source.h"
#include "lib/model/model.h"

namespace pie {

// The images as the model returns them from z alone (r = g(z), nothing quantized).
ImageSet reconstruct(Model& model, const ImageSet& images, const ProgressCallback& progress = {});

// Of 8-bit samples. Infinite PSNRs mean that all agree.
struct ReconstructionReport {
  double psnr_db = 0;                 // of the squared error of all images together
  double psnr_db_mean_of_images = 0;  // of those that differ
  double ssim = 0;                    // mean over images
  ImageSet images;                    // as they come back
};

// Compares the images, all of the model's shape, with what comes back from z alone.
ReconstructionReport evaluate_reconstruction(Model& model, const ImageSet& images,
                                             const ProgressCallback& progress = {});

// Pooled PSNR in dB of the reconstructions from z alone of the images of `source`, or the first
// `at_most` of them. Throws ShapeError naming an image of another shape than the model.
double reconstruction_psnr(Model& model, const ImageSource& source,
                           size_t at_most = std::numeric_limits<size_t>::max());

}  // namespace pie

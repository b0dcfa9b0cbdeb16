// Likelihood and reconstruction figures of a model on a set of images.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "lib/image/image_source.h"
#include "lib/model/pie_model.h"

namespace pie {

// Bits per dimension, 8 - log2 p(x) / D, and its parts, which sum to the total together with the
// offset 8. Computed in float32, summed in float64; independent of batches and threads up to
// rounding.
struct LikelihoodReport {
  int64_t images = 0, draws = 0;
  double bits_per_dim = 0, standard_error = 0;  // over images
  double nats_per_image = 0;                    // -bits_per_dim * D * ln 2, the discrete scale
  double z = 0, log_det = 0, pre_transform = 0, offset = 8;
  std::vector<double> r;  // r_1 first
};

// Evaluates `draws` dequantizations of every image of `source`, with noise keyed by (seed, image
// index, draw). Throws ShapeError naming the image if one has another geometry than the model.
LikelihoodReport evaluate_likelihood(PieModel& model, const ImageSource& source, uint64_t seed,
                                     int64_t draws);

// The images as the model returns them from z alone (r = g(z), nothing quantized).
ImageSet reconstruct(PieModel& model, const ImageSet& images);

// Pooled PSNR in dB of the reconstructions from z alone of the images of `source`.
double reconstruction_psnr(PieModel& model, const ImageSource& source,
                           size_t at_most = std::numeric_limits<size_t>::max());

// The images of `source` with these indices. Throws ShapeError naming one of another geometry than
// `shape`.
ImageSet load_images(const ImageSource& source, const std::vector<size_t>& indices, Shape3 shape);

}  // namespace pie

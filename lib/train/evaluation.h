// Likelihood and reconstruction figures of a model on a set of images.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/image/image_source.h"
#include "lib/model/flow_model.h"

namespace pie {

// Bits per dimension, 8 - log2 p(x) / D, and its parts, which sum to the total together with the
// offset 8. Computed in float32, summed in float64; independent of batches and threads up to
// rounding.
struct LikelihoodReport {
  int64_t images = 0, draws = 0;
  double bits_per_dim = 0, standard_error = 0;  // over images
  double nats_per_image = 0;                    // -bits_per_dim * D * ln 2, the discrete scale
  double z = 0, log_det = 0, pre_transform = 0, offset = 8;
  double log_det_bias_bound = 0;  // largest truncation error of all blocks together, bits per dim
  std::vector<double> r;          // r_1 first
};

// Roulette behind 4 terms with one probe: unbiased.
LogDetEstimator default_log_det();

// Evaluates `draws` dequantizations of every image of `source`, with noise keyed by (seed, image
// index, draw), and with probes keyed by them too where log-dets are estimated as `how` says.
// Throws ShapeError naming the image if one has another shape than the model.
LikelihoodReport evaluate_likelihood(Model& model, const ImageSource& source, uint64_t seed,
                                     int64_t draws, const LogDetEstimator& how = default_log_det());

// The images as the model returns them from z alone (r = g(z), nothing quantized).
ImageSet reconstruct(Model& model, const ImageSet& images);

// Pooled PSNR in dB of the reconstructions from z alone of the images of `source`.
double reconstruction_psnr(Model& model, const ImageSource& source,
                           size_t at_most = std::numeric_limits<size_t>::max());

// How well the iterative inverse of a model with residual blocks gives images back from all of
// their latents.
struct InversionReport {
  double max_abs_error = 0;  // of pixels in [0, 1]
  double rms_error = 0;
  double error_bound = 0;  // largest a-posteriori bound of a block: 2-norm, in units of its input
  int64_t iterations_max = 0;
  double iterations_mean = 0;  // of a block and image
  ImageSet images;             // as they come back
};

// Encodes the images and inverts, in float32.
InversionReport evaluate_inversion(FlowModel& model, const ImageSet& images,
                                   const FixedPointOptions& options);

// Percentage of `images` whose class, the head's largest score, is not that of `labels`.
double classification_error(Model& model, const ImageSource& images, const Bytes& labels);

// What the classifier `model` decides by, of each image: [N, features].
torch::Tensor classifier_features(Model& model, const ImageSet& images);

// The images of `source` with these indices. Throws ShapeError naming one of another shape than
// `shape`.
ImageSet load_images(const ImageSource& source, const std::vector<size_t>& indices, Shape shape);

}  // namespace pie

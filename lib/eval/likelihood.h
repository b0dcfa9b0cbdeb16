// How probable images are to a model, in bits per dimension.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/progress_callback.h"
#include "lib/image/image_source.h"
#include "lib/model/model.h"

namespace pie {

// What the figure of a LikelihoodReport is, of images of 8 bits.
enum class LikelihoodMeaning {
  kCodeLength,      // exact: the length of the code that the probabilities give
  kDequantization,  // an upper bound of it, by the density of uniformly dequantized levels
  kEvidence         // an upper bound of that, by a VAE's evidence lower bound: -KL counts as z
};

// Bits per dimension, 8 - log2 p(x) / D, and its parts, which sum to the total together with the
// offset 8. Computed in float32, summed in float64; independent of batches and threads up to
// rounding.
struct LikelihoodReport {
  LikelihoodMeaning meaning = LikelihoodMeaning::kDequantization;
  int64_t images = 0;
  int64_t draws = 0;                            // dequantizations of each image; 0: none needed
  double bits_per_dim = 0, standard_error = 0;  // over images
  double nats_per_image = 0;                    // -bits_per_dim * D * ln 2, the discrete scale
  double z = 0, log_det = 0, pre_transform = 0, offset = 8;
  double log_det_bias_bound = 0;  // largest truncation error of all blocks together, bits per dim
  std::vector<double> r;          // r_1 first
  double evaluations = 0;  // of the right sides of a continuous flow's equations, for one image
};

// One probe and, for roulette, 4 terms before the random ones; for the series 20.
LogDetEstimator default_log_det(
    LogDetEstimator::Method method = LogDetEstimator::Method::kRoulette);

// Evaluates `draws` dequantizations of every image of `source`, or the images themselves if the
// model is discrete, with noise keyed by (seed, image index, draw), and with probes keyed by them
// too where log-dets are estimated as `how` says. Throws ShapeError naming the image if one has
// another shape than the model.
LikelihoodReport evaluate_likelihood(Model& model, const ImageSource& source, uint64_t seed,
                                     int64_t draws, const LogDetEstimator& how = default_log_det(),
                                     const ProgressCallback& progress = {});

}  // namespace pie

// The training section of a preset.
#pragma once

#include <cstdint>
#include <string>

#include "lib/model/config_section.h"
#include "lib/model/model.h"
#include "lib/numerics/log_det_estimator.h"

namespace pie {

struct TrainConfig {
  int64_t steps;           // the length of the schedule
  int64_t batch;           // images a step
  std::string optimizer;   // "adam", or "muon": Muon for the larger matrices
  double lr;               // the learning rate at the top of the schedule
  int64_t warmup_steps;    // linear rise from 0
  std::string schedule;    // "linear" or "cosine" fall to 1 % of lr, or "constant"
  double clip_norm;        // 0: off
  double ema_decay;        // 0: off
  int64_t validate_every;  // steps
  bool flip, crop;         // augmentation: mirror; random crop of images larger than the model's
  int64_t shift;           // augmentation: a random move by up to this many pixels each way
  double warp;             // augmentation: a random linear map, whose elements are up to this from
                           // the identity's, so that images are turned, sheared and scaled
  // Augmentation with what photographs go through: shrunk by a random factor from this to 1; the
  // shares that come back from JPEG files, and from YCbCr, half of these with half the chroma.
  double smallest_scale, jpeg_share, ycbcr_share;
  double mse_weight;    // of the mean squared error of images from z alone, whose samples are in
                        // [0, 1], against nats per dimension; 0: off
  std::string task;     // "density", "classify" or "hybrid"
  int64_t labelled;     // hybrid: only the first so many images have labels; 0: all
  double class_weight;  // hybrid: of the cross-entropy against nats per dimension
  double weight_decay;  // AdamW: weights shrink by lr * this at each step
  bool recompute;       // activations from outputs instead of keeping them
  LogDetEstimator log_det;  // of residual blocks, and the probes of continuous flows; default:
                            // roulette behind 2 exact terms
};

// Reads the section "train" of a preset. Throws UsageError naming the key.
TrainConfig parse_train_config(const Json& preset);

// Throws UsageError unless `model` can be trained as `config` says.
void require_fit(const TrainConfig& config, const Model& model);

// The learning rate at `step` when `progress` in [0, 1] of the run is done.
double learning_rate(const TrainConfig& config, int64_t step, double progress);

}  // namespace pie

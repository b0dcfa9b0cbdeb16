// The configuration of a PIE: what a preset file says and a model file stores.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/flow/bijection.h"
#include "lib/model/input_config.h"

namespace pie {

// One block of Eq. 16: K_l x (actnorm, mixing of channels, transform), then a split where `keep` is
// less than the block's variables.
struct PieBlockConfig {
  std::string kind;  // "conv": downsamples first; "linear": flattens first
  int64_t keep;      // variables per image that go on to the next block
  int64_t steps;     // K_l
  // "householder", "lu" (Glow's 1x1 convolutions), "reversal" or "shuffle" of channels, or "none"
  std::string mixing;
  int64_t reflections;    // of each Householder map
  std::string transform;  // "coupling", "autoregressive" or "continuous"
  int64_t hidden;         // width of the subnetworks
  int64_t depth;          // their hidden-to-hidden layers
  double scale_clamp;     // a of s = exp(a tanh(h/a)); 0 gives additive maps
  int64_t components;     // of autoregressive mixtures; 0: affine maps
  double tolerance;       // of continuous flows' solver
  bool act_norm;          // an actnorm before each mixing
  bool final_act_norm;    // one behind the last coupling: NICE's scaling, where blocks are linear
};

struct PieConfig {
  Shape input;  // of one image, channels first
  PreTransformConfig pre_transform;
  double eps0_squared;  // variance of the residuals
  double eps0() const { return std::sqrt(eps0_squared); }
  std::string residual_mean;  // "network": r ~ N(g(z), eps0^2 I); "zero": g = 0
  int64_t classes;            // of the classifier's head; 0: none
  int64_t head_features;      // of its convolution; 0: it has none
  std::vector<PieBlockConfig> blocks;
};

// Reads the model part of a preset. The sections "conv" and "linear" hold the defaults of their
// kind of block. Throws UsageError naming a key that is missing, unknown or out of range.
PieConfig parse_pie_config(const Json& json);

}  // namespace pie

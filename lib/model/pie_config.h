// The configuration of a PIE: what a preset file says and a model file stores.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/flow/bijection.h"
#include "lib/model/config_section.h"

namespace pie {

// One block of Eq. 16: K_l x (actnorm, Householder, coupling), then a split where `keep` is less
// than the block's variables.
struct PieBlockConfig {
  std::string kind;     // "conv": downsamples first; "linear": flattens first
  int64_t keep;         // variables per image that go on to the next block
  int64_t steps;        // K_l
  int64_t reflections;  // of each Householder map
  int64_t hidden;       // width of the subnetworks
  int64_t depth;        // their hidden-to-hidden layers
  double scale_clamp;   // a of s = exp(a tanh(h/a)); 0 gives additive couplings
  bool act_norm;        // an actnorm before each Householder map
};

struct PieConfig {
  Shape3 input;                // of one image, channels first
  std::string pre_transform;   // "affine" or "logit"
  double pre_transform_value;  // scale, or alpha
  double eps0_squared;         // variance of the residuals
  double eps0() const { return std::sqrt(eps0_squared); }
  std::string residual_mean;  // "network": r ~ N(g(z), eps0^2 I); "zero": g = 0
  std::vector<PieBlockConfig> blocks;
};

// Reads the model part of a preset. The sections "conv" and "linear" hold the defaults of their
// kind of block. Throws UsageError naming a key that is missing, unknown or out of range.
PieConfig parse_pie_config(const Json& json);

}  // namespace pie

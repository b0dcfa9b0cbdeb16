// The configuration of an exact PIE: what a preset file says and a model file stores.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/exact/walk.h"
#include "lib/model/config_section.h"
#include "lib/model/input_config.h"

namespace pie {

// The size of a network; see ExactNet.
struct ExactNetSize {
  int64_t hidden, first_blocks, phase_blocks;
};

struct ExactPieConfig {
  Shape input{};
  ExactView view{};
  int64_t components;       // of each mixture
  int64_t prior;            // hidden channels of z's network
  int64_t activation_bits;  // of the networks: fewer leave room for larger ones
  // A unit of a head's sums is 2^mean_bits indices of means: how finely its weights of eight bits
  // can place a mean.
  int64_t mean_bits;
  // Finest scale first; the last is shared by all scales that are coarser.
  std::vector<ExactNetSize> networks;
};

// Reads the model part of a preset. Throws UsageError naming a key that is missing, unknown or out
// of range.
ExactPieConfig parse_exact_pie_config(const Json& json);

}  // namespace pie

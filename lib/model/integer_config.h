// The configuration of an integer PIE: what a preset file says and a model file stores.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/flow/bijection.h"
#include "lib/model/input_config.h"

namespace pie {

// The size of the networks of one scale; see IntegerNet.
struct IntegerNetSize {
  int64_t hidden, blocks;
};

struct IntegerPieConfig {
  Shape input{};
  int64_t components;   // of each mixture
  bool position;        // networks see where they are; for images that are centred, not for tiles
  bool relative_means;  // means are relative to what neighbours predict; for photographs
  int64_t layers;       // scales with a layer of their own, finest first; the coarser ones join z
  IntegerNetSize prior;
  std::vector<IntegerNetSize> scales;  // finest first; each halves the image
};

// Reads the model part of a preset; the section "network" holds the defaults of all scales and the
// prior. Throws UsageError naming a key that is missing, unknown or out of range.
IntegerPieConfig parse_integer_pie_config(const Json& json);

}  // namespace pie

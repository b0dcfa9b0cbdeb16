// Which figures a model can have at all.
#pragma once

#include "lib/model/model.h"

namespace pie {

struct Measurable {
  bool likelihood = false;      // a density, or a bound of one
  bool inversion = false;       // an inverse that iterates
  bool reconstruction = false;  // from z alone, where z is not everything
  bool classification = false;
  bool code = false;          // code files and samples
  bool latents = false;       // real-valued ones, for maps and distances
  bool temperatures = false;  // samples can be drawn at others than 1
};

Measurable measurable(const Model& model);

}  // namespace pie

#include "lib/eval/measurable.h"

namespace pie {

Measurable measurable(const Model& model) {
  Measurable can;
  can.likelihood = model.has_density();
  can.inversion = !model.residual_blocks().empty();
  can.classification = model.classes() > 0;
  can.code = model.likelihood() != Likelihood::kNone;
  can.reconstruction = can.code && model.residuals() > 0;
  // Levels are drawn by their exact probabilities, and are no points of a space.
  can.latents = can.temperatures = can.code && !model.discrete();
  return can;
}

}  // namespace pie

// Training without keeping activations: they are recomputed from the outputs by the inverse.
#pragma once

#include "lib/flow/sequence.h"

namespace pie {

// `flow.forward(x, how)` as one node of the graph that keeps its output alone. Backward walks the
// steps from the last to the first, inverts each and differentiates it by itself (RevNet, Gomez et
// al. 2017; i-RevNet, Jacobsen et al. 2018), so memory does not grow with the number of steps.
// Gradients of parameters are added to them during backward. Costs a forward pass and an inverse
// more, whose error is that of the steps' inverses.
Mapped forward_recomputing(Sequence& flow, const torch::Tensor& x, const LogDetEstimator& how);

}  // namespace pie

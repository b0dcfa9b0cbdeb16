// `row_network` in bfloat16 where the processor adds pairs of products: some images at a time go
// through all layers, so that what lies between them stays in the processor's caches, as far as an
// image of 40x40 pixels goes.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "lib/numerics/rows.h"

namespace pie {

// Whether `fused_row_network` can take these: convolutions on such a CPU, of float32, with a
// multiple of 32 hidden channels.
bool can_fuse_rows(const torch::Tensor& rows, int64_t kernel,
                   const std::vector<torch::Tensor>& weights);

// As `row_network`, of its rows, then weights, then biases. Rows, weights, activations behind their
// ReLU and gradients between layers are rounded; the output and the gradients of weights are not.
// The result does not depend on the number of threads.
torch::Tensor fused_row_network(const RowGrid& grid, int64_t kernel,
                                const std::vector<torch::Tensor>& inputs);

}  // namespace pie

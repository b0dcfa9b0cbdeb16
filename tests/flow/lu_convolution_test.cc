// The matrix starts as a rotation, and its determinant is what the log-det says.
#include "lib/flow/lu_convolution.h"

#include <cmath>

#include "tests/support/jacobian.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

TEST(LuConvolutionLayer, StartsAsARotation) {
  for (const int64_t channels : {1, 2, 5, 16, 64}) {
    torch::manual_seed(static_cast<uint64_t>(channels));
    LuConvolution layer({channels, 1, 1});
    const auto w = layer.matrix().to(torch::kFloat64);
    // Weights are float32, and of C terms in each product.
    expect_close(w.t().mm(w), torch::eye(channels, torch::kFloat64),
                 1.2e-7 * 64 * static_cast<double>(channels));
    EXPECT_GT((w - torch::eye(channels, torch::kFloat64)).abs().max().item<double>(),
              channels > 1 ? 0.1 : -1.0);
  }
}

TEST(LuConvolutionLayer, MixesTheChannelsOfEveryPixelAlike) {
  LuConvolution layer({3, 2, 4});
  layer.to(torch::kFloat64);
  perturb(layer, 0.3, 1);
  const auto x = normal_tensor({2, 3, 2, 4}, 1);
  const auto mapped = layer.forward(x);
  expect_close(mapped.value, torch::einsum("oc,nchw->nohw", {layer.matrix(), x}), 1e-13);
  EXPECT_NEAR(mapped.log_det[0].item<double>(), 8 * log_abs_det(layer.matrix()), 1e-12);
}

}  // namespace
}  // namespace pie

// The fused affine map against the same formula in single operations.
#include "lib/numerics/affine.h"

#include <utility>
#include <vector>

#include "tests/support/tensors.h"

namespace pie {
namespace {

constexpr int64_t kSamples = 4;  // of 3 rows each

AffineResult reference(const torch::Tensor& x, const torch::Tensor& network, double a) {
  const auto parts = network.chunk(2, 1);
  const auto log_scale = a * torch::tanh(parts[0] / a);
  return {log_scale.exp() * x + parts[1], log_scale.reshape({kSamples, -1}).sum(1)};
}

TEST(Affine, IsTheFormulaAndItsInverse) {
  for (const double a : {0.5, 2.0}) {
    for (const int64_t channels : {1, 2, 5}) {
      const auto x = normal_tensor({12, channels}, 1);
      const auto network = normal_tensor({12, 2 * channels}, 2) * 3;
      const auto result = affine_forward(x, network, a, kSamples),
                 expected = reference(x, network, a);
      expect_close(result.value, expected.value, 1e-13);
      expect_close(result.log_det, expected.log_det, 1e-12);
      expect_close(affine_inverse(result.value, network, a), x, 1e-12);
    }
  }
}

TEST(Affine, WithoutScaleItAdds) {
  const auto x = normal_tensor({12, 3}, 1), network = normal_tensor({12, 3}, 2);
  const auto result = affine_forward(x, network, 0, kSamples);
  EXPECT_TRUE(torch::equal(result.value, x + network));
  EXPECT_TRUE(torch::equal(result.log_det, torch::zeros({kSamples}, torch::kFloat64)));
  expect_close(affine_inverse(result.value, network, 0), x, 1e-14);
}

// The backward pass is written by hand; a loss may use either output alone.
TEST(Affine, GradientsAreThoseOfAutograd) {
  constexpr double kClamp = 1.5;
  const auto w = normal_tensor({12, 3}, 3), v = normal_tensor({kSamples}, 4);
  for (const auto& [use_value, use_log_det] :
       {std::pair{true, true}, std::pair{true, false}, std::pair{false, true}}) {
    std::vector<torch::Tensor> gradients[2];
    for (const bool fused : {false, true}) {
      const auto x = normal_tensor({12, 3}, 5).requires_grad_(true);
      const auto network = (normal_tensor({12, 6}, 6) * 2).detach().requires_grad_(true);
      const auto result =
          fused ? affine_forward(x, network, kClamp, kSamples) : reference(x, network, kClamp);
      auto loss = (x.sum() + network.sum()) * 0;  // gives every input a gradient
      if (use_value) loss = loss + (result.value * w).sum();
      if (use_log_det) loss = loss + (result.log_det * v).sum();
      loss.backward();
      gradients[fused ? 1 : 0] = {x.grad(), network.grad()};
    }
    expect_close(gradients[1][0], gradients[0][0], 1e-12);
    expect_close(gradients[1][1], gradients[0][1], 1e-12);
  }
}

}  // namespace
}  // namespace pie

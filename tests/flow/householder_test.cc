// The matrix is orthogonal and the product of its reflections.
#include "lib/flow/householder.h"

#include "tests/support/jacobian.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

TEST(HouseholderLayer, MatrixIsTheProductOfItsReflections) {
  for (const int64_t reflections : {0, 1, 2, 3, 7}) {
    Householder layer({5, 2, 2}, reflections);
    layer.to(torch::kFloat64);
    const auto vectors = layer.named_parameters()["vectors"];
    auto product = torch::eye(5, torch::kFloat64);
    for (int64_t k = 0; k < reflections; ++k) {
      const auto v = vectors[k].view({5, 1});
      product = product.mm(torch::eye(5, torch::kFloat64) - 2 * v.mm(v.t()) / v.square().sum());
    }
    expect_close(layer.matrix(), product, 1e-13);
    expect_close(layer.matrix().t().mm(layer.matrix()), torch::eye(5, torch::kFloat64), 1e-13);
    // Each reflection turns the sign once.
    EXPECT_NEAR(torch::det(layer.matrix()).item<double>(), reflections % 2 == 0 ? 1 : -1, 1e-12);
  }
}

TEST(HouseholderLayer, MixesTheChannelsOfEveryPixelAlike) {
  Householder layer({3, 2, 4}, 3);
  layer.to(torch::kFloat64);
  const auto x = normal_tensor({2, 3, 2, 4}, 1);
  expect_close(layer.latent(x), torch::einsum("oc,nchw->nohw", {layer.matrix(), x}), 1e-13);
}

// With more reflections than channels the vectors depend on each other; rounding must not grow.
TEST(HouseholderLayer, StaysOrthogonalInFloat32) {
  torch::manual_seed(3);
  for (const int64_t channels : {1, 2, 10, 64}) {
    for (const int64_t reflections : {3, 64, 200}) {
      const auto matrix = Householder({channels, 1, 1}, reflections).matrix();
      // A product of k reflections is off by some k eps in each of C entries.
      const double bound = 1.2e-7 * static_cast<double>(8 * (reflections + channels));
      expect_close(matrix.t().mm(matrix), torch::eye(channels), bound);
    }
  }
}

TEST(HouseholderLayer, KeepsLengths) {
  Householder layer({16, 1, 1}, 3);
  const auto x = normal_tensor({8, 16, 1, 1}, 2, torch::kFloat32);
  expect_close(layer.latent(x).square().sum({1, 2, 3}), x.square().sum({1, 2, 3}), 1e-4);
}

}  // namespace
}  // namespace pie

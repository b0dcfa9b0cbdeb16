// The estimate against sums written out, and its mean over many draws.
#include "lib/numerics/mmd.h"

#include "lib/image/quality.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

double kernel(const torch::Tensor& u, const torch::Tensor& v) {
  const double distance = (u - v).square().sum().item<double>();
  double sum = 0;
  for (const double scale : {0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0}) {
    const double c = 2 * static_cast<double>(u.numel()) * scale;
    sum += c / (c + distance);
  }
  return sum;
}

TEST(Mmd, IsTheSumOverPairs) {
  const auto a = normal_tensor({4, 3}, 1), b = normal_tensor({4, 3}, 2) + 0.5;
  double expected = 0;
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t j = 0; j < 4; ++j) {
      if (i != j) expected += (kernel(a[i], a[j]) + kernel(b[i], b[j])) / 12;
      expected -= 2 * kernel(a[i], b[j]) / 16;
    }
  }
  EXPECT_NEAR(squared_mmd(a, b).item<double>(), expected, 1e-12);
}

TEST(Mmd, IsZeroInTheMeanForOneDistributionAndPositiveForTwo) {
  RunningMean same, other;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const auto a = normal_tensor({16, 2}, 2 * seed), b = normal_tensor({16, 2}, 2 * seed + 1);
    same.add(squared_mmd(a, b).item<double>());
    other.add(squared_mmd(a, b + 1).item<double>());
  }
  EXPECT_NEAR(same.mean(), 0, 5 * same.standard_error());
  EXPECT_GT(other.mean(), 20 * other.standard_error());
}

}  // namespace
}  // namespace pie

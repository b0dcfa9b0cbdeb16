// The certificates against singular values of the brute-force matrix of the operator.
#include "lib/numerics/spectral_norm.h"

#include <vector>

#include "tests/support/jacobian.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

TEST(SpectralNorm, OfAMatrixIsItsLargestSingularValue) {
  const auto q = std::get<0>(torch::linalg_qr(normal_tensor({5, 5}, 1)));
  const auto p = std::get<0>(torch::linalg_qr(normal_tensor({3, 3}, 2)));
  const auto values = torch::tensor({0.5, 4.0, 2.0}, torch::kFloat64);
  const auto matrix = q.slice(1, 0, 3).mm(torch::diag(values)).mm(p);
  EXPECT_NEAR(spectral_norm(matrix), 4, 1e-13);
  EXPECT_NEAR(spectral_norm(matrix.t()), 4, 1e-13);
}

TEST(SpectralNorm, BoundsEveryPaddedConvolutionClosely) {
  for (const int64_t k : {1, 3, 5}) {
    for (const auto& [out, in] : std::vector<std::pair<int64_t, int64_t>>{{1, 4}, {4, 1}, {3, 3}}) {
      for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {7, 6}}) {
        const auto kernel = normal_tensor({out, in, k, k}, static_cast<uint64_t>(100 + k));
        const double norm = norm_of_operator(kernel, height, width);
        const double bound = convolution_norm_bound(kernel, height, width);
        EXPECT_GE(bound, norm * (1 - 1e-12));
        if (height > 1) {
          EXPECT_LE(bound, norm * 1.3) << "k " << k;
        }
        if (k == 1) {
          EXPECT_NEAR(bound, norm, 1e-12 * norm);
        }
      }
    }
  }
}

// A box filter's largest gain is that of a constant image, which the torus shows and padding hides.
TEST(SpectralNorm, OfABoxFilterIsItsSum) {
  EXPECT_NEAR(convolution_norm_bound(torch::ones({1, 1, 3, 3}), 8, 8), 9, 1e-12);
}

}  // namespace
}  // namespace pie

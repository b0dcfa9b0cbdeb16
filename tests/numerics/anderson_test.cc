// Anderson acceleration where its result is known: affine maps, and where it must give up.
#include "lib/numerics/anderson.h"

#include <gtest/gtest.h>

#include "tests/support/tensors.h"

namespace pie {
namespace {

// Steps until |G(x) - x| is at most `tolerance`, and the residuals on the way.
template <typename Map>
std::vector<double> residuals(const Map& map, torch::Tensor x, int64_t depth, double tolerance) {
  AndersonIteration path(depth, 1.0);
  std::vector<double> found;
  while (found.size() < 1000) {
    const torch::Tensor image = map(x);
    found.push_back((image - x).norm().template item<double>());
    if (found.back() <= tolerance) break;
    x = path.next(x, image, found.back());
  }
  return found;
}

// x -> A x + b with |A| = 0.95: the smallest residual over a Krylov space of all d dimensions is 0.
TEST(AndersonIterations, AffineMapsEndAfterTheirDimensions) {
  for (const int64_t d : {1, 3, 6}) {
    const auto q = std::get<0>(torch::linalg_qr(normal_tensor({d, d}, 1)));
    const auto b = normal_tensor({d}, 2);
    const auto map = [&](const torch::Tensor& x) { return 0.95 * q.mv(x) + b; };
    const auto plain = residuals(map, torch::zeros({d}, torch::kFloat64), 0, 1e-8);
    const auto mixed = residuals(map, torch::zeros({d}, torch::kFloat64), d, 1e-8);
    EXPECT_GT(plain.size(), 300U);
    EXPECT_LE(mixed.size(), static_cast<size_t>(d) + 3);  // two more for rounding
  }
}

TEST(AndersonIterations, DepthZeroIsThePlainIteration) {
  AndersonIteration path(0, 0.5);
  const auto x = normal_tensor({4}, 1), image = normal_tensor({4}, 2);
  for (int k = 0; k < 3; ++k) EXPECT_TRUE(path.next(x, image, 1.0).equal(image));
}

// After a residual that did not shrink at the promised rate, every point is the image of the one
// before.
TEST(AndersonIterations, GivesUpWhenAStepDoesNotHelp) {
  AndersonIteration path(2, 0.95);
  const auto point = [](uint64_t seed) { return normal_tensor({4}, seed); };
  path.next(point(1), point(2), 1.0);
  EXPECT_FALSE(path.next(point(3), point(4), 0.94).equal(point(4)));
  EXPECT_TRUE(path.next(point(5), point(6), 0.9).equal(point(6)));
  EXPECT_TRUE(path.next(point(7), point(8), 0.1).equal(point(8)));
}

}  // namespace
}  // namespace pie

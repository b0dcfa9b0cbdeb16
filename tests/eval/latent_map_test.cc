// Maps of latents whose plane is known.
#include "lib/eval/latent_map.h"

#include <cmath>

#include "lib/base/error.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

// Orthonormal rows.
torch::Tensor axes(int64_t count, int64_t dims) {
  return std::get<0>(torch::linalg_qr(normal_tensor({dims, count}, 1))).t();
}

// Four points, uncorrelated along two axes, with nine times the variance along the first.
TEST(LatentMaps, ShowThePlaneOfMostVariance) {
  const auto plane = torch::tensor({{3., 1.}, {-3., 1.}, {3., -1.}, {-3., -1.}}, torch::kFloat64);
  const auto map = latent_map((torch::mm(plane, axes(2, 5)) + 7).to(torch::kFloat32));
  ASSERT_TRUE(map);
  ASSERT_EQ(map->variance_shares.size(), 2u);
  EXPECT_NEAR(map->variance_shares[0], 0.9, 1e-5);
  EXPECT_NEAR(map->variance_shares[1], 0.1, 1e-5);
  ASSERT_EQ(map->points.size(), 4u);
  // An axis may point either way.
  const double first = std::copysign(1, map->points[0][0]);
  const double second = std::copysign(1, map->points[0][1]);
  for (int64_t k = 0; k < 4; ++k) {
    const auto& point = map->points[static_cast<size_t>(k)];
    EXPECT_NEAR(first * point[0], plane[k][0].item<double>(), 1e-5);
    EXPECT_NEAR(second * point[1], plane[k][1].item<double>(), 1e-5);
  }
}

TEST(LatentMaps, KeepDistancesWithinThePlane) {
  const auto plane = normal_tensor({20, 2}, 2);
  const auto map = latent_map(torch::mm(plane, axes(2, 9)));
  ASSERT_TRUE(map);
  EXPECT_NEAR(map->variance_shares[0] + map->variance_shares[1], 1, 1e-9);
  for (size_t i = 1; i < map->points.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    EXPECT_NEAR(
        std::hypot(map->points[i][0] - map->points[0][0], map->points[i][1] - map->points[0][1]),
        (plane[row] - plane[0]).norm().item<double>(), 1e-9);
  }
}

TEST(LatentMaps, OfManyImagesShowTheFirst) {
  const auto z = normal_tensor({kMostMappedPoints + 1, 3}, 3);
  EXPECT_EQ(latent_map(z)->points.size(), static_cast<size_t>(kMostMappedPoints));
}

TEST(LatentMaps, NeedThreeImagesAndTwoDimensions) {
  EXPECT_FALSE(latent_map(normal_tensor({2, 4}, 4)));
  EXPECT_FALSE(latent_map(normal_tensor({9, 1}, 4)));
  EXPECT_FALSE(latent_map(torch::zeros({3, kMostMappedDims + 1})));
  EXPECT_TRUE(latent_map(normal_tensor({3, 2}, 4)));
  EXPECT_THROW(latent_map(torch::ones({9, 4})), OperationError);
  auto z = normal_tensor({9, 4}, 4);
  z[2][1] = NAN;
  EXPECT_THROW(latent_map(z), OperationError);
}

}  // namespace
}  // namespace pie

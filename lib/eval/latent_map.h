// Where images lie in the plane that shows most of their latents.
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace pie {

// Larger latents have no map: their covariance is too large a matrix.
inline constexpr int64_t kMostMappedDims = 4096;
inline constexpr int64_t kMostMappedPoints = 1000;

struct LatentMap {
  std::vector<double> variance_shares;        // of the whole variance, of both axes, in [0, 1]
  std::vector<std::array<double, 2>> points;  // of the first kMostMappedPoints images
};

// Projects latents z [N, d] on their first two principal components, the origin at their mean. No
// map of fewer than 3 images, one dimension, or more than kMostMappedDims. Throws OperationError if
// z is not finite or always the same.
std::optional<LatentMap> latent_map(const torch::Tensor& z);

}  // namespace pie

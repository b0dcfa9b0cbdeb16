#include "lib/model/integer_features.h"

#include <algorithm>

#include "lib/coding/logistic_mixture.h"
#include "lib/nets/integer_net.h"

namespace pie {
namespace {

constexpr double kActivationUnit = 1.0 / (1 << kActivationBits);

torch::Tensor level_feature(const torch::Tensor& levels) {
  return (levels / 2).floor_().mul_(kActivationUnit);
}
// The last bits, which absolute means need: scans saturate at 252 in one image, at 254 in another.
torch::Tensor low_bits_feature(const torch::Tensor& levels) {
  return levels.remainder(16).mul_(8 * kActivationUnit);
}

}  // namespace

torch::Tensor difference_feature(const torch::Tensor& levels, const torch::Tensor& expected) {
  // Four steps a level up to 8 levels, one from there to 39: noise is as small as edges are large.
  const auto difference = levels - expected;
  return difference.clamp(-8, 8)
      .mul_(3)
      .add_(difference.clamp_(-39, 39))
      .add_(64)
      .mul_(kActivationUnit);
}

void add_level_features(std::vector<torch::Tensor>& features, const torch::Tensor& levels,
                        const IntegerPieConfig& config) {
  features.push_back(level_feature(levels));
  if (!config.relative_means) features.push_back(low_bits_feature(levels));
}

int64_t level_features(const IntegerPieConfig& config) { return config.relative_means ? 1 : 2; }

torch::Tensor position_feature(int64_t n, int64_t height, int64_t width, int64_t dim) {
  const int64_t size = dim == 1 ? height : width;
  const auto steps = torch::arange(size) * kLargestActivation;
  const auto ramp = torch::floor_divide(steps, std::max<int64_t>(1, size - 1))
                        .to(torch::kFloat32)
                        .mul_(kActivationUnit);
  return (dim == 1 ? ramp.view({1, size, 1}) : ramp.view({1, 1, size})).expand({n, height, width});
}

torch::Tensor neighbour(const torch::Tensor& plane, int64_t dim, int64_t step) {
  const int64_t size = plane.size(dim);
  const auto inner = plane.narrow(dim, std::max<int64_t>(0, step), size - 1);
  const auto edge = plane.narrow(dim, step > 0 ? size - 1 : 0, 1);
  return step > 0 ? torch::cat({inner, edge}, dim) : torch::cat({edge, inner}, dim);
}

torch::Tensor interpolate(const torch::Tensor& coarse, const torch::Tensor& diagonal, Phase phase) {
  if (phase.dy == 1 && phase.dx == 1) {
    const auto pairs = coarse + neighbour(coarse, 2, +1);
    return (pairs + neighbour(pairs, 1, +1)) * (kIndicesPerUnit / 4);
  }
  const int64_t across = phase.dy == 1 ? 1 : 2;  // coarse samples lie before and behind in `across`
  return (coarse + neighbour(coarse, across, +1) + diagonal + neighbour(diagonal, 3 - across, -1)) *
         (kIndicesPerUnit / 4);
}

torch::Tensor nearest_levels(const torch::Tensor& mean) {
  return (mean + kIndicesPerUnit / 2).div_(kIndicesPerUnit).floor_();
}

torch::Tensor feature_rows(const std::vector<torch::Tensor>& features, int64_t first,
                           int64_t last) {
  if (features.empty()) return {};
  std::vector<torch::Tensor> parts;
  parts.reserve(features.size());
  for (const auto& feature : features) parts.push_back(feature.slice(0, first, last));
  return torch::stack(parts, 3).view({-1, static_cast<int64_t>(parts.size())});
}

}  // namespace pie

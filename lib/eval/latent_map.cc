#include "lib/eval/latent_map.h"

#include "lib/base/error.h"
#include "lib/numerics/moments.h"

namespace pie {

std::optional<LatentMap> latent_map(const torch::Tensor& z) {
  if (z.size(0) < 3 || z.size(1) < 2 || z.size(1) > kMostMappedDims) return std::nullopt;
  if (!torch::isfinite(z).all().item<bool>() || z.std().item<double>() == 0) {
    throw OperationError("no map, z is not finite or always the same");
  }
  const auto axes = principal_axes(z, 2);
  const auto points = torch::mm(z.slice(0, 0, kMostMappedPoints).to(torch::kFloat64) - axes.mean,
                                axes.directions.t());
  LatentMap map{axes.shares, {}};
  const auto rows = points.accessor<double, 2>();
  for (int64_t k = 0; k < rows.size(0); ++k) map.points.push_back({rows[k][0], rows[k][1]});
  return map;
}

}  // namespace pie

#include "lib/numerics/gaussian.h"

#include <cmath>

namespace pie {

torch::Tensor normal_log_prob(const torch::Tensor& x, double sigma) {
  const double log_normalizer = 0.5 * std::log(2 * M_PI * sigma * sigma);
  const auto flat = x.reshape({x.size(0), -1});
  return flat.square().sum(1) * (-0.5 / (sigma * sigma)) -
         log_normalizer * static_cast<double>(flat.size(1));
}

}  // namespace pie

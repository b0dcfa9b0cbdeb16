#include "lib/nets/pooled_head.h"

#include <cmath>

namespace pie {

PooledHead::PooledHead(int64_t channels, int64_t classes) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(channels));
  scale_ = register_parameter("scale", torch::ones({channels}));
  shift_ = register_parameter("shift", torch::zeros({channels}));
  weight_ = register_parameter("weight", torch::empty({classes, channels}).uniform_(-bound, bound));
  bias_ = register_parameter("bias", torch::zeros({classes}));
}

torch::Tensor PooledHead::forward(const torch::Tensor& x) {
  const auto scaled = x * scale_.view({1, -1, 1, 1}) + shift_.view({1, -1, 1, 1});
  return torch::addmm(bias_, torch::relu(scaled).mean({2, 3}), weight_.t());
}

void PooledHead::initialize(const torch::Tensor& x) {
  const torch::NoGradGuard no_grad;
  constexpr double kFloor = 1e-3;  // a constant channel is not blown up without bound
  const auto mean = x.mean({0, 2, 3});
  const auto deviation = (x - mean.view({1, -1, 1, 1})).square().mean({0, 2, 3}).sqrt() + kFloor;
  scale_.copy_(1 / deviation);
  shift_.copy_(-mean / deviation);
}

}  // namespace pie

#include "lib/nets/pooled_head.h"

#include <cmath>

namespace pie {

PooledHead::PooledHead(int64_t channels, int64_t classes, int64_t features) {
  if (features > 0) {
    const double bound = 1.0 / std::sqrt(9.0 * static_cast<double>(channels));
    kernel_ = register_parameter("kernel",
                                 torch::empty({features, channels, 3, 3}).uniform_(-bound, bound));
    channels = features;
  }
  const double bound = 1.0 / std::sqrt(static_cast<double>(channels));
  scale_ = register_parameter("scale", torch::ones({channels}));
  shift_ = register_parameter("shift", torch::zeros({channels}));
  weight_ = register_parameter("weight", torch::empty({classes, channels}).uniform_(-bound, bound));
  bias_ = register_parameter("bias", torch::zeros({classes}));
}

torch::Tensor PooledHead::maps(const torch::Tensor& x) const {
  return kernel_.defined() ? torch::conv2d(x, kernel_, {}, 1, 1) : x;
}

torch::Tensor PooledHead::features(const torch::Tensor& x) {
  const auto scaled = maps(x) * scale_.view({1, -1, 1, 1}) + shift_.view({1, -1, 1, 1});
  return torch::relu(scaled).mean({2, 3});
}

torch::Tensor PooledHead::forward(const torch::Tensor& x) {
  return torch::addmm(bias_, features(x), weight_.t());
}

void PooledHead::initialize(const torch::Tensor& x) {
  const torch::NoGradGuard no_grad;
  constexpr double kFloor = 1e-3;  // a constant channel is not blown up without bound
  const auto features = maps(x);
  const auto mean = features.mean({0, 2, 3});
  const auto deviation =
      (features - mean.view({1, -1, 1, 1})).square().mean({0, 2, 3}).sqrt() + kFloor;
  scale_.copy_(1 / deviation);
  shift_.copy_(-mean / deviation);
}

}  // namespace pie

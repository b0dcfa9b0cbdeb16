// The classifier's head: class scores from feature maps.
#pragma once

#include <torch/torch.h>

namespace pie {

// scores = W mean_pixels(relu(s * x + t)) + b: a scale and shift per channel, initialised from data
// like an actnorm, average pooling, and a linear layer.
class PooledHead final : public torch::nn::Module {
 public:
  PooledHead(int64_t channels, int64_t classes);
  torch::Tensor forward(const torch::Tensor& x);  // x: [N, C, H, W]; returns [N, classes]
  // Sets s and t so that the channels of `x` have mean 0 and variance 1.
  void initialize(const torch::Tensor& x);
  int64_t classes() const { return bias_.size(0); }

 private:
  torch::Tensor scale_, shift_;  // [C]
  torch::Tensor weight_, bias_;  // [classes, C], [classes]
};

}  // namespace pie

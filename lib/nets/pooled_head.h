// The classifier's head: class scores from feature maps.
#pragma once

#include <torch/torch.h>

namespace pie {

// scores = W mean_pixels(relu(s * f(x) + t)) + b: a scale and shift per channel, initialised from
// data like an actnorm, average pooling, and a linear layer. f is a 3x3 convolution to `features`
// channels, which is what averages of white latents need, or the identity if that is 0.
class PooledHead final : public torch::nn::Module {
 public:
  PooledHead(int64_t channels, int64_t classes, int64_t features = 0);
  torch::Tensor forward(const torch::Tensor& x);  // x: [N, C, H, W]; returns [N, classes]
  // What the linear layer works on: [N, C], or [N, features].
  torch::Tensor features(const torch::Tensor& x);
  // Sets s and t so that the channels of f(x) have mean 0 and variance 1.
  void initialize(const torch::Tensor& x);
  int64_t classes() const { return bias_.size(0); }

 private:
  torch::Tensor maps(const torch::Tensor& x) const;  // f

  torch::Tensor kernel_;         // [features, C, 3, 3]; undefined: f is the identity
  torch::Tensor scale_, shift_;  // [C], or [features]
  torch::Tensor weight_, bias_;  // [classes, as many], [classes]
};

}  // namespace pie

// Activations with slope at most 1, with the derivatives that log-determinants need.
#pragma once

#include <torch/torch.h>

#include <string>

namespace pie {

enum class Activation {
  kElu,       // x, or e^x - 1 below 0
  kSoftplus,  // ln(1 + e^x)
  kLipSwish,  // x / (1 + e^-x) / 1.1 (Chen et al. 2019 with beta = 1)
  kRelu       // for classifiers: its slope jumps, which a density would see
};

// "elu", "softplus", "lipswish", "relu"; throws UsageError naming these.
Activation parse_activation(const std::string& name);

// The activation of every element of `x`, and with it the first and second derivative where asked.
struct Activated {
  torch::Tensor value, slope, curvature;  // as x; the last two may be undefined
};
Activated activate(const torch::Tensor& x, Activation kind, int derivatives);

}  // namespace pie

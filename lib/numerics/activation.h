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

// The activation of every element of x + bias, and with it the first and second derivative where
// asked. x: [M, C], bfloat16 or float; bias: [C] or undefined, in float32 (float64 for such an x).
struct Activated {
  torch::Tensor value, slope, curvature;  // as x; the last two may be undefined
};
Activated activate(const torch::Tensor& x, const torch::Tensor& bias, Activation kind,
                   int derivatives);

// g <- g * slope, in place, with g the first rows only where it has fewer: the adjoint of one
// activation.
void multiply_rows_(torch::Tensor& g, const torch::Tensor& slope);

// A tangent through an activation, slope * tangent, and curvature * tangent, by which the slope
// changes along it. All alike in shape and type.
struct Pushed {
  torch::Tensor tangent, bend;
};
Pushed push_forward(const torch::Tensor& tangent, const torch::Tensor& slope,
                    const torch::Tensor& curvature);

// The adjoint of value and tangent of an activation at once. g: [2M, C], the adjoint T of the
// tangent above the adjoint U of the value; becomes slope * T above slope * U + bend * T, with
// bend as from `push_forward`. slope, bend: [M, C]. Returns the column sums [C] of the latter, the
// gradient of a bias, in float32 for bfloat16.
torch::Tensor pull_back_pair_(torch::Tensor& g, const torch::Tensor& slope,
                              const torch::Tensor& bend);

}  // namespace pie

// Gradients against difference quotients along random directions.
#pragma once

#include <cmath>
#include <functional>

#include "tests/support/tensors.h"

namespace pie {

// EXPECT that backward from `loss` gives each variable a finite gradient that agrees with the
// quotient of a `step`, to `tolerance` (1 + |loss|). In float64 rounding leaves 1e-16 |loss| /
// step.
inline void expect_right_gradients(const torch::OrderedDict<std::string, torch::Tensor>& variables,
                                   const std::function<torch::Tensor()>& loss, double step,
                                   double tolerance) {
  loss().backward();
  uint64_t seed = 10;
  for (const auto& item : variables) {
    SCOPED_TRACE(item.key());
    const auto& gradient = item.value().grad();
    ASSERT_TRUE(gradient.defined());
    EXPECT_TRUE(all_finite(gradient));
    const torch::NoGradGuard no_grad;
    auto variable = item.value();
    const auto direction = normal_tensor(variable.sizes().vec(), seed++);
    const auto start = variable.clone();
    variable.copy_(start + step * direction);
    const double above = loss().item<double>();
    variable.copy_(start - step * direction);
    const double below = loss().item<double>();
    variable.copy_(start);
    EXPECT_NEAR((gradient * direction).sum().item<double>(), (above - below) / (2 * step),
                tolerance * (1 + std::abs(above)));
  }
}

}  // namespace pie

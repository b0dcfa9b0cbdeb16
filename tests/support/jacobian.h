// Brute-force Jacobians, as an independent account of log-dets and gradients. LibTorch has none for
// C++.
#pragma once

#include <torch/torch.h>

#include <functional>

namespace pie {

using TensorMap = std::function<torch::Tensor(const torch::Tensor&)>;

// d f(x) / d x by autograd, one backward pass per row: [f(x).numel(), x.numel()].
inline torch::Tensor jacobian(const TensorMap& f, const torch::Tensor& x) {
  const torch::AutoGradMode with_grad(true);
  const auto leaf = x.detach().clone().requires_grad_(true);
  const auto y = f(leaf);
  auto rows = torch::zeros({y.numel(), x.numel()}, x.options());
  for (int64_t i = 0; i < y.numel(); ++i) {
    auto one = torch::zeros_like(y, torch::MemoryFormat::Contiguous);
    one.view(-1)[i] = 1;
    const auto row = torch::autograd::grad({y}, {leaf}, {one}, true, false, true)[0];
    if (row.defined()) rows[i] = row.reshape(-1);
  }
  return rows;
}

// The same by central differences. In float64 a step of 1e-6 is right to about 1e-9 of f's scale.
inline torch::Tensor jacobian_by_differences(const TensorMap& f, const torch::Tensor& x,
                                             double step = 1e-6) {
  const torch::NoGradGuard no_grad;
  torch::Tensor columns;
  for (int64_t j = 0; j < x.numel(); ++j) {
    auto shift = torch::zeros_like(x, torch::MemoryFormat::Contiguous);
    shift.view(-1)[j] = step;
    const auto column = (f(x + shift) - f(x - shift)).reshape(-1) / (2 * step);
    if (j == 0) columns = torch::zeros({column.numel(), x.numel()}, x.options());
    columns.select(1, j).copy_(column);
  }
  return columns;
}

// ln |det| of a square matrix.
inline double log_abs_det(const torch::Tensor& matrix) {
  return std::get<1>(torch::linalg_slogdet(matrix)).item<double>();
}

// The largest singular value of a zero-padded stride-1 convolution of height x width images, from
// its whole matrix. kernel: [out, in, k, k] float64.
inline double norm_of_operator(const torch::Tensor& kernel, int64_t height, int64_t width) {
  const auto x = torch::zeros({1, kernel.size(1), height, width}, torch::kFloat64);
  const auto matrix = jacobian(
      [&](const auto& v) { return torch::conv2d(v, kernel, {}, 1, kernel.size(2) / 2); }, x);
  return torch::linalg_svdvals(matrix).max().template item<double>();
}

}  // namespace pie

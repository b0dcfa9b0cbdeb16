// Images as row matrices: pixel (n, y, x) of an [N, C, H, W] batch is row (n*H + y)*W + x of an
// [N*H*W, C] matrix, so that convolutions become matrix products.
#pragma once

#include <torch/torch.h>

#include <utility>

namespace pie {

struct RowGrid {
  int64_t n, height, width;
  int64_t rows() const { return n * height * width; }
};

// The row matrix [N*H*W, C] of `x` [N, C, H, W]; a view where `x` is channels-last.
torch::Tensor to_rows(const torch::Tensor& x);

// The inverse of `to_rows`: a channels-last view [N, C, H, W] of `rows`.
torch::Tensor from_rows(const torch::Tensor& rows, const RowGrid& grid);

// Neighbourhoods as rows: out[p, t*C + c] = x[p + sign * offset(t), c] over the kernel*kernel
// offsets t in row-major order, 0 outside the image. x: [M, C]; returns [M, kernel*kernel*C] in
// `dtype`, which is x's own (float32 or float64), or bfloat16 for a float32 x.
torch::Tensor spread(const torch::Tensor& x, const RowGrid& grid, int64_t kernel, int sign,
                     torch::ScalarType dtype);

// The adjoint of `spread` with the opposite sign: out[p, c] = sum_t y[p + sign * offset(t), t*C +
// c]. y: [M, kernel*kernel*C]; returns [M, C] in y's dtype, float32 for a bfloat16 y.
torch::Tensor collect(const torch::Tensor& y, const RowGrid& grid, int64_t kernel, int sign);

// y <- relu(y + bias), in place. y: [M, C]; bias: [C] in float32 or float64.
void add_bias_relu_(torch::Tensor& y, const torch::Tensor& bias);

// g <- g where y > 0, else 0, in place; returns the column sums [C] of the result, in
// float32 for bfloat16.
torch::Tensor relu_backward_(torch::Tensor& g, const torch::Tensor& y);

// The first `first` columns of `rows` [M, C] and the others, each contiguous. Differentiable, as
// are the two below.
std::pair<torch::Tensor, torch::Tensor> split_columns(const torch::Tensor& rows, int64_t first);

// [a, b] side by side: [M, A + B].
torch::Tensor join_columns(const torch::Tensor& a, const torch::Tensor& b);

// x * scale + shift with scale and shift [C] for each column. x: [M, C].
torch::Tensor scale_shift(const torch::Tensor& x, const torch::Tensor& scale,
                          const torch::Tensor& shift);

}  // namespace pie

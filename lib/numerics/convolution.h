// Convolutions of rows of channels, as training needs them: on one thread, without copies.
#pragma once

#include <cstdint>
#include <vector>

namespace pie {

// n images of `height` x `width`, zero-padded; kernels are 1x1 or 3x3. Maps are rows [n, height,
// width, channels]; weights are [out, in, kernel, kernel], as LibTorch keeps them. All float32.
struct ConvolutionShape {
  int64_t n, height, width, in, out, kernel;
  int64_t pixels() const { return n * height * width; }
  int64_t weights() const { return out * in * kernel * kernel; }
};

// y <- conv(x, w).
void convolve(const ConvolutionShape& shape, const float* x, const float* w, float* y);

// dx <- the gradient with respect to x, where g is that with respect to y.
void convolve_backward(const ConvolutionShape& shape, const float* g, const float* w, float* dx);

// dw <- the gradient with respect to w.
void convolution_weight_gradient(const ConvolutionShape& shape, const float* x, const float* g,
                                 float* dw);

}  // namespace pie

// Operator norms of linear maps and of convolutions with their padding.
#pragma once

#include <torch/torch.h>

namespace pie {

// The largest singular value of `matrix` [out, in], exact up to rounding; computed in float64.
double spectral_norm(const torch::Tensor& matrix);

// A bound, from above, on the operator norm of the convolution with `kernel` [out, in, k, k], k
// odd, stride 1 and zero padding k / 2, of images of `height` x `width`: the exact norm of the
// circular convolution on (height + k - 1) x (width + k - 1), of which the padded one is a
// submatrix. That is the largest singular value over all frequencies of the kernel's Fourier
// transform. 0.3-5 % above the operator's own norm. Computed in float64.
double convolution_norm_bound(const torch::Tensor& kernel, int64_t height, int64_t width);

}  // namespace pie

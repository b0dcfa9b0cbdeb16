// NumPy's .npy files, for latents: float32 matrices in row order.
#pragma once

#include <torch/torch.h>

#include <string>

#include "lib/base/bytes.h"
#include "lib/base/input.h"

namespace pie {

// `matrix` [N, d] as the bytes of a version 1.0 .npy file, little-endian float32.
Bytes write_npy(const torch::Tensor& matrix);

// Reads [N, d] from a .npy file; float64 is converted. Throws what reading throws, DamagedError
// (also TruncatedError) unless it is such a matrix of finite numbers in row order.
torch::Tensor read_npy(const Input& file);

}  // namespace pie

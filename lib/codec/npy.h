// NumPy's .npy files, for latents: float32 matrices in row order.
#pragma once

#include <torch/torch.h>

#include <string>

#include "lib/base/file.h"

namespace pie {

// `matrix` [N, d] as the bytes of a version 1.0 .npy file, little-endian float32.
Bytes write_npy(const torch::Tensor& matrix);

// Reads [N, d] from .npy bytes; float64 is converted. `path` only names the file in messages.
// Throws DamagedError (also TruncatedError) unless it is such a matrix of finite numbers in row
// order.
torch::Tensor read_npy(const Bytes& bytes, const std::string& path);

}  // namespace pie

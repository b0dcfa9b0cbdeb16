// Between 8-bit images and the unit interval that models work on.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "lib/flow/bijection.h"
#include "lib/image/image.h"

namespace pie {

// The samples themselves, 0 ... 255: [N, C, H, W] float32.
torch::Tensor to_levels(const ImageSet& images);

// x = (u + 1/2) / 256 of each sample u: [N, C, H, W] float32. For encoding given images.
torch::Tensor to_unit(const ImageSet& images);

// x = (u + n) / 256 with n ~ U[0, 1): uniform dequantization. The noise of image k depends on
// (seed, indices[k], draw) alone, not on the batch it is in.
torch::Tensor dequantize(const ImageSet& images, const std::vector<size_t>& indices, uint64_t seed,
                         uint64_t draw);

// u = clamp(floor(256 x), 0, 255); NaN becomes 0. x: [N, C, H, W].
ImageSet to_images(const torch::Tensor& x);

// The images that these levels [N, C, H, W], integers from 0 to 255, are the samples of.
ImageSet from_levels(const torch::Tensor& levels);

}  // namespace pie

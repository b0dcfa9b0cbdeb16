// Items <-> integer symbols of the layers with a real-valued model. The codec makes frames of them.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "lib/image/image.h"
#include "lib/model/latent_model.h"

namespace pie {

// Items a network call holds; the last batch is filled up with black ones. Small, because a file of
// one image pays for a whole batch.
inline constexpr size_t kLatentBatch = 16;

// Symbols an item has in each layer, coarse to fine: z, r_L, ..., r_1.
std::vector<size_t> latent_symbols_per_item(const LatentModel& model);

// The symbols of the first `layers` layers of items, item by item; `z` receives the latents
// [items, d].
std::vector<std::vector<int32_t>> quantized_latents(LatentModel& model, const ImageSet& items,
                                                    int layers, uint32_t step, torch::Tensor& z);

// The images of `items` items with these symbols in each decoded layer.
ImageSet decode_latent_items(LatentModel& model, const std::vector<std::vector<int32_t>>& layers,
                             size_t items, uint32_t step);

}  // namespace pie

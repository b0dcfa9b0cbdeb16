// Items <-> coded blocks with a real-valued model: quantized latents, in a closed loop.
#pragma once

#include <memory>

#include "lib/codec/item_coder.h"
#include "lib/model/latent_model.h"

namespace pie {

// Residual r_l is coded relative to g_l(z_l) of what the decoder has at that point. The network
// runs in float32 on batches of one fixed size, so neither the number of items nor the grouping of
// files changes a symbol.
std::shared_ptr<ItemCoder> make_latent_coder(std::shared_ptr<LatentModel> model);

}  // namespace pie

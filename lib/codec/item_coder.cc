#include "lib/codec/item_coder.h"

#include "lib/base/error.h"
#include "lib/codec/exact_coder.h"
#include "lib/codec/floor_coder.h"
#include "lib/codec/latent_coder.h"

namespace pie {

std::shared_ptr<ItemCoder> coder_for(const LoadedModel& loaded) {
  if (!loaded.model) return make_floor_coder();
  if (loaded.model->likelihood() == Likelihood::kNone) {
    throw UsageError("the model " + loaded.name() +
                     " has no density, it only classifies; choose another model");
  }
  if (const auto exact = std::dynamic_pointer_cast<ExactPie>(loaded.model)) {
    return make_exact_coder(*exact);
  }
  if (auto latent = std::dynamic_pointer_cast<LatentModel>(loaded.model)) {
    return make_latent_coder(std::move(latent));
  }
  throw UsageError("the model " + loaded.name() + " has no coder; choose another model");
}

}  // namespace pie

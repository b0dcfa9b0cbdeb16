// Items <-> coded blocks with an exact PIE: exact samples, plane by plane.
#pragma once

#include <memory>

#include "lib/codec/item_coder.h"
#include "lib/model/exact_pie.h"

namespace pie {

// A model that does not see positions cuts large images into equal tiles of at most 1024 pixels a
// side. One of three channels codes gray images too, as the first of three channels that are all
// the same. Alpha and the low bytes of 16-bit samples stay beside the layers.
std::shared_ptr<ItemCoder> make_exact_coder(const ExactPie& model);

}  // namespace pie

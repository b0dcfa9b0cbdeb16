// The floor: images without a model, whole and in all their depth, by JPEG XL. No file need be
// larger than that.
#pragma once

#include <memory>

#include "lib/codec/item_coder.h"

namespace pie {

std::shared_ptr<ItemCoder> make_floor_coder();

}  // namespace pie

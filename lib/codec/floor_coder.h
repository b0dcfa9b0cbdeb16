// The floor: images without a model, whole and in all their depth, by JPEG XL or WebP. No file
// need be larger than the smaller of these.
#pragma once

#include <memory>

#include "lib/codec/item_coder.h"

namespace pie {

std::shared_ptr<ItemCoder> make_floor_coder();

}  // namespace pie

// `spread` and `collect` (rows.h) of one image, in plain memory.
#pragma once

#include <cstdint>

#include "lib/numerics/element.h"
#include "lib/numerics/rows.h"

namespace pie {

// x: [H*W, C]; out: [H*W, stride], of which the first kernel*kernel*C columns are written; padded:
// room for x with its border, (H + kernel - 1) * (W + kernel - 1) * C numbers, of which the border
// is zero. From is To, or float for bfloat16.
template <typename From, typename To>
void spread_image(const From* x, To* padded, To* out, const RowGrid& grid, int64_t channels,
                  int64_t kernel, int sign, int64_t stride);

// y: [H*W, stride], of which the first kernel*kernel*C columns count; out: [H*W, C].
template <typename From>
void collect_image(const From* y, typename Element<From>::Wide* out, const RowGrid& grid,
                   int64_t channels, int64_t kernel, int sign, int64_t stride);

}  // namespace pie

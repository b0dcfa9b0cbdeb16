// `spread` and `collect` (rows.h) of one image, in plain memory.
#pragma once

#include <cstdint>

#include "lib/numerics/element.h"
#include "lib/numerics/rows.h"

namespace pie {

// The numbers of an image with a border of half a kernel.
inline int64_t padded_numbers(const RowGrid& grid, int64_t channels, int64_t kernel) {
  return (grid.height + kernel - 1) * (grid.width + kernel - 1) * channels;
}

// x: [H*W, C]; out: [H*W, stride], of which the first kernel*kernel*C columns are written; padded:
// room for x with its border, which is zero. From is To, or float for bfloat16.
template <typename From, typename To>
void spread_image(const From* x, To* padded, To* out, const RowGrid& grid, int64_t channels,
                  int64_t kernel, int sign, int64_t stride);

// y: [H*W, stride], of which the first kernel*kernel*C columns count; out: [H*W, C]; padded: what
// the sums of an image with such a border start with, which is overwritten.
template <typename From>
void collect_image(const From* y, typename Element<From>::Wide* padded,
                   typename Element<From>::Wide* out, const RowGrid& grid, int64_t channels,
                   int64_t kernel, int sign, int64_t stride);

}  // namespace pie

// Batches of images as rows, some images at a time.
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lib/numerics/rows.h"

namespace pie {

// Consecutive items of a batch, whose rows are worked on together.
struct RowPart {
  int64_t begin, end;  // items
  RowGrid grid;
  // The part's rows of all the batch's.
  torch::Tensor rows_of(const torch::Tensor& t) const {
    const int64_t area = grid.height * grid.width;
    return t.narrow(0, begin * area, (end - begin) * area);
  }
  // The part's items of all the batch's.
  torch::Tensor items_of(const torch::Tensor& t) const { return t.narrow(0, begin, end - begin); }
};

// The batch in parts of about `rows` rows.
inline std::vector<RowPart> row_parts(const RowGrid& grid, int64_t rows) {
  const int64_t each = std::max<int64_t>(1, rows / (grid.height * grid.width));
  std::vector<RowPart> parts;
  for (int64_t begin = 0; begin < grid.n; begin += each) {
    const int64_t end = std::min(grid.n, begin + each);
    parts.push_back({begin, end, {end - begin, grid.height, grid.width}});
  }
  return parts;
}

// <a, b> of each item, [n]. a, b: rows of n items.
inline torch::Tensor item_dot(const torch::Tensor& a, const torch::Tensor& b, int64_t n) {
  return (a * b).view({n, -1}).sum(1);
}

}  // namespace pie

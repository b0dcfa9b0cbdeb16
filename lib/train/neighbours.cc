#include "lib/train/neighbours.h"

#include <torch/torch.h>

#include <algorithm>

#include "lib/base/error.h"
#include "lib/model/pixels.h"

namespace pie {
namespace {

torch::Tensor pixel_rows(const ImageSet& images) { return to_unit(images).flatten(1); }

}  // namespace

Bytes nearest_labels(const ImageSet& queries, const ImageSet& references, const Bytes& labels) {
  if (queries.geometry() != references.geometry() || labels.size() != references.size()) {
    throw ShapeError("neighbours: " + std::to_string(references.size()) + " references of " +
                     to_string(references.geometry()) + " with " + std::to_string(labels.size()) +
                     " labels do not fit queries of " + to_string(queries.geometry()));
  }
  torch::NoGradGuard no_grad;
  constexpr size_t kQueries = 256;
  const auto reference_rows = pixel_rows(references);
  // |q - r|^2 = |q|^2 - 2 q r + |r|^2, of which the first term does not change the order.
  const auto squares = reference_rows.square().sum(1);
  Bytes result;
  for (size_t begin = 0; begin < queries.size(); begin += kQueries) {
    const auto rows = pixel_rows(queries.slice(begin, std::min(queries.size(), begin + kQueries)));
    const auto nearest = torch::addmm(squares, rows, reference_rows.t(), 1, -2).argmin(1);
    for (int64_t k = 0; k < nearest.size(0); ++k) {
      result.push_back(labels[static_cast<size_t>(nearest[k].item<int64_t>())]);
    }
  }
  return result;
}

}  // namespace pie

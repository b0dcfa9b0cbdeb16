#include "lib/eval/neighbours.h"

#include <string>

#include "lib/base/error.h"
#include "lib/model/pixels.h"

namespace pie {
Bytes nearest_labels(const torch::Tensor& queries, const torch::Tensor& references,
                     const Bytes& labels) {
  if (queries.size(1) != references.size(1) ||
      labels.size() != static_cast<size_t>(references.size(0))) {
    throw ShapeError("neighbours: " + std::to_string(references.size(0)) + " references of " +
                     std::to_string(references.size(1)) + " numbers with " +
                     std::to_string(labels.size()) + " labels do not fit queries of " +
                     std::to_string(queries.size(1)));
  }
  torch::NoGradGuard no_grad;
  // |q - r|^2 = |q|^2 - 2 q r + |r|^2, of which the first term does not change the order.
  const auto squares = references.square().sum(1);
  Bytes result;
  for (const auto& rows : queries.split(256)) {
    const auto nearest = torch::addmm(squares, rows, references.t(), 1, -2).argmin(1);
    for (int64_t k = 0; k < nearest.size(0); ++k) {
      result.push_back(labels[static_cast<size_t>(nearest[k].item<int64_t>())]);
    }
  }
  return result;
}

Bytes nearest_labels(const ImageSet& queries, const ImageSet& references, const Bytes& labels) {
  if (queries.shape() != references.shape()) {
    throw ShapeError("neighbours: references of " + to_string(references.shape()) +
                     " do not fit queries of " + to_string(queries.shape()));
  }
  return nearest_labels(to_unit(queries).flatten(1), to_unit(references).flatten(1), labels);
}

}  // namespace pie

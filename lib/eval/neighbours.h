// Labels of nearest neighbours: whether a reconstruction keeps its label is judged in pixels, how
// well z tells labels apart in z.
#pragma once

#include <torch/torch.h>

#include "lib/base/bytes.h"
#include "lib/image/image.h"

namespace pie {

// The label of the nearest row of `references` [R, d] (Euclidean distance) of each of `queries` [Q,
// d]. `labels` has one byte per reference. Throws ShapeError if sizes do not fit.
Bytes nearest_labels(const torch::Tensor& queries, const torch::Tensor& references,
                     const Bytes& labels);

// The same of images, by their pixels.
Bytes nearest_labels(const ImageSet& queries, const ImageSet& references, const Bytes& labels);

}  // namespace pie

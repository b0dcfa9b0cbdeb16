// Does a reconstruction keep its label? Judged by the nearest neighbour in pixels.
#pragma once

#include "lib/base/bytes.h"
#include "lib/image/image.h"

namespace pie {

// The label of the nearest reference image (Euclidean distance of pixels) of each query. `labels`
// has one byte per reference image. Throws ShapeError if the geometries differ.
Bytes nearest_labels(const ImageSet& queries, const ImageSet& references, const Bytes& labels);

}  // namespace pie

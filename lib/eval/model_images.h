// The images of a source as a model takes them, and how many it takes at a time.
#pragma once

#include <cstddef>
#include <vector>

#include "lib/image/image_source.h"
#include "lib/model/model.h"

namespace pie {

// Images of one network call. Figures do not depend on it but for rounding.
inline constexpr size_t kEvaluationBatch = 128;

// begin, begin + 1, ..., end - 1.
std::vector<size_t> index_range(size_t begin, size_t end);

// The images of `source` with these indices. Throws ShapeError naming one of another shape than
// `shape`.
ImageSet load_images(const ImageSource& source, const std::vector<size_t>& indices, Shape shape);

// All images of `source`. Throws ShapeError like load_images.
ImageSet load_all(const ImageSource& source, Shape shape);

// The images with these indices for `model`: of images larger than a model of any size is trained
// on, the middle. Throws ShapeError naming one that has another shape, or is too small for that.
ImageSet load_for(const Model& model, const ImageSource& source,
                  const std::vector<size_t>& indices);

// All images of `source`, whole, as they are coded: for a model of any size those of an archive as
// one set and others each by itself, for other models all as one set. Throws ShapeError naming one
// whose channels, or whose shape, the model does not take.
std::vector<ImageSet> load_whole(const Model& model, const ImageSource& source);

}  // namespace pie

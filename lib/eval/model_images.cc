#include "lib/eval/model_images.h"

#include <numeric>

#include "lib/base/error.h"
#include "lib/model/pixels.h"

namespace pie {

std::vector<size_t> index_range(size_t begin, size_t end) {
  std::vector<size_t> indices(end - begin);
  std::iota(indices.begin(), indices.end(), begin);
  return indices;
}

ImageSet load_images(const ImageSource& source, const std::vector<size_t>& indices, Shape shape) {
  ImageSet images(shape, indices.size());
  for (size_t k = 0; k < indices.size(); ++k) {
    source.load_planar(indices[k], images.shape(), images.data(k));
  }
  return images;
}

ImageSet load_all(const ImageSource& source, Shape shape) {
  return load_images(source, index_range(0, source.size()), shape);
}

ImageSet load_for(const Model& model, const ImageSource& source,
                  const std::vector<size_t>& indices) {
  if (!model.any_size()) return load_images(source, indices, model.input_shape());
  const auto target = model.input_shape();
  ImageSet images(target);
  for (const size_t index : indices) {
    auto image = source.load(index);
    const auto& g = image.shape;
    if (g.height >= target.height && g.width >= target.width) {
      image = crop(image, (g.width - target.width) / 2, (g.height - target.height) / 2,
                   target.width, target.height);
    }
    if (image.shape != target || image.bits != 8) {
      throw ShapeError(source.name(index) + ": is " + to_string(image.shape) + ", at least " +
                       to_string(target) + " of 8 bits is required");
    }
    images.append(image);
  }
  return images;
}

std::vector<ImageSet> load_whole(const Model& model, const ImageSource& source) {
  if (!model.any_size()) return {load_all(source, model.input_shape())};
  std::vector<ImageSet> sets;
  for (const auto& part : source.parts()) {
    const size_t together = part.archive ? part.count : 1, end = part.first + part.count;
    for (size_t first = part.first; first < end; first += together) {
      auto shape = source.header(first).shape;
      shape.channels = model.input_shape().channels;  // which loading checks
      sets.push_back(load_images(source, index_range(first, first + together), shape));
    }
  }
  return sets;
}

}  // namespace pie

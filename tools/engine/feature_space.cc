#include "tools/engine/feature_space.h"

#include <numeric>
#include <vector>

#include "lib/base/error.h"
#include "lib/model/model_store.h"
#include "lib/model/pixels.h"
#include "lib/numerics/moments.h"
#include "lib/train/evaluation.h"

namespace pie {

ImageSet load_all(const ImageSource& source, Shape shape) {
  std::vector<size_t> indices(source.size());
  std::iota(indices.begin(), indices.end(), size_t{0});
  return load_images(source, indices, shape);
}

torch::Tensor FeatureSpace::features(const ImageSet& images) const {
  if (!(classifier_.model->input_shape() == images.shape())) {
    throw ShapeError("the classifier " + classifier_.name() + " takes " +
                     to_string(classifier_.model->input_shape()) + " images, not " +
                     to_string(images.shape()));
  }
  return classifier_features(*classifier_.model, images);
}

double FeatureSpace::distance(const ImageSet& images) const {
  return frechet_distance(features(images), data_);
}

Json compare_images(const EvalOptions& options) {
  const ImageSource data(options.data), images(options.images);
  auto classifier = find_model(options.features);
  const auto shape = classifier.model->input_shape();
  const FeatureSpace space(std::move(classifier), load_all(data, shape));
  Json report = {{"schema", "pie.flow-eval/1"},
                 {"data", {{"images", data.size()}}},
                 {"images", {{"images", images.size()}}},
                 {"warnings", Json::array()}};
  report["images"]["frechet_distance"] =
      finite_or_null(report, "images.frechet_distance", space.distance(load_all(images, shape)));
  return report;
}

}  // namespace pie

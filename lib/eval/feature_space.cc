#include "lib/eval/feature_space.h"

#include "lib/base/error.h"
#include "lib/eval/model_images.h"
#include "lib/model/pixels.h"
#include "lib/numerics/batches.h"
#include "lib/numerics/moments.h"

namespace pie {

torch::Tensor classifier_features(Model& model, const ImageSet& images) {
  const auto features_of = [&](size_t begin, size_t end) {
    return model.features(to_unit(images.slice(begin, end)).to(model.device()));
  };
  const torch::NoGradGuard no_grad;
  const auto width = features_of(0, 1).size(1);
  auto features = torch::empty({static_cast<int64_t>(images.size()), width});
  for_each_batch(images.size(), kEvaluationBatch, [&](size_t begin, size_t end) {
    features.slice(0, static_cast<int64_t>(begin), static_cast<int64_t>(end))
        .copy_(features_of(begin, end));
  });
  return features;
}

torch::Tensor FeatureSpace::features(const ImageSet& images) const {
  if (classifier_.model->input_shape() != images.shape()) {
    throw ShapeError("the classifier " + classifier_.name() + " takes " +
                     to_string(classifier_.model->input_shape()) + " images, not " +
                     to_string(images.shape()));
  }
  return classifier_features(*classifier_.model, images);
}

double FeatureSpace::distance(const ImageSet& images) const {
  return frechet_distance(features(images), data_);
}

}  // namespace pie

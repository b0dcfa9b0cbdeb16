// How far sets of images are apart by what a classifier sees in them.
#pragma once

#include <torch/torch.h>

#include <utility>

#include "lib/image/image.h"
#include "lib/model/model_file.h"

namespace pie {

// What the classifier `model` decides by, of each image: [N, features]. Throws UsageError without a
// classifier.
torch::Tensor classifier_features(Model& model, const ImageSet& images);

// A classifier's features of the images that others are compared with.
class FeatureSpace {
 public:
  // Throws ShapeError if the classifier takes other images, UsageError if it is none.
  FeatureSpace(LoadedModel classifier, const ImageSet& data)
      : classifier_(std::move(classifier)), data_(features(data)) {}

  // The Frechet distance of `images` from the data; NaN if one of them is of fewer than two images.
  // Throws ShapeError if the classifier takes others.
  double distance(const ImageSet& images) const;

 private:
  torch::Tensor features(const ImageSet& images) const;

  LoadedModel classifier_;
  torch::Tensor data_;  // [N, features]
};

}  // namespace pie

// How far sets of images are apart by what a classifier sees in them.
#pragma once

#include <torch/torch.h>

#include <utility>

#include "lib/image/image_source.h"
#include "lib/model/model_file.h"
#include "tools/common/report.h"
#include "tools/flow_eval.h"

namespace pie {

// All images of a source. Throws ShapeError unless they have this shape.
ImageSet load_all(const ImageSource& source, Shape shape);

// A classifier's features of the images that others are compared with.
class FeatureSpace {
 public:
  // Throws ShapeError if the classifier takes other images.
  FeatureSpace(LoadedModel classifier, const ImageSet& data)
      : classifier_(std::move(classifier)), data_(features(data)) {}

  // The Frechet distance of `images` from the data. Throws ShapeError if the classifier takes
  // others.
  double distance(const ImageSet& images) const;

 private:
  torch::Tensor features(const ImageSet& images) const;

  LoadedModel classifier_;
  torch::Tensor data_;
};

// With --features and without a model: how far `images` are from `data`, by that classifier.
Json compare_images(const EvalOptions& options);

}  // namespace pie

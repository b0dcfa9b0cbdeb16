// Distances in the features of a classifier.
#include "lib/eval/feature_space.h"

#include "lib/base/error.h"
#include "lib/eval/model_images.h"
#include "lib/model/pixels.h"
#include "lib/numerics/moments.h"
#include "tests/image/image_test_files.h"
#include "tests/support/digits.h"

namespace pie {
namespace {

LoadedModel classifier() {
  Json preset = digits_preset();
  preset["classes"] = 10;
  return random_loaded_model(preset, 1, 0.05);
}

ImageSet digit_images(const std::string& slice = "") {
  return load_all(digits(slice), {1, 28, 28});
}

// 300 images are more than one batch of the evaluation.
TEST(FeatureSpaces, FeaturesDoNotDependOnBatches) {
  const auto model = classifier();
  const auto path = digits_path();
  const auto images = load_all(ImageSource({path, path, path}), {1, 28, 28});
  const torch::NoGradGuard no_grad;
  const auto together = model.model->features(to_unit(images));
  const double scale = together.abs().max().item<double>();
  expect_close(classifier_features(*model.model, images), together, 1e-5 * scale);
}

TEST(FeatureSpaces, DistancesAreThoseOfFeatures) {
  const auto model = classifier();
  const auto data = digit_images("[:50]"), others = digit_images("[50:]");
  const FeatureSpace space(model, data);
  const auto features = classifier_features(*model.model, data);
  const double scale = features.var(0).sum().item<double>();
  EXPECT_NEAR(space.distance(data), 0, 1e-6 * scale);
  EXPECT_DOUBLE_EQ(space.distance(others),
                   frechet_distance(classifier_features(*model.model, others), features));
  EXPECT_GT(space.distance(noise_set({1, 28, 28}, 50)), space.distance(others));
}

TEST(FeatureSpaces, WhatDoesNotFitIsRefused) {
  const FeatureSpace space(classifier(), digit_images("[:3]"));
  const auto message = message_of<ShapeError>([&] { space.distance(noise_set({1, 28, 27}, 3)); });
  EXPECT_TRUE(contains(message, "1x28x28") && contains(message, "1x28x27")) << message;
  EXPECT_THROW(FeatureSpace(random_loaded_model(digits_preset()), digit_images("[:3]")),
               UsageError);
}

}  // namespace
}  // namespace pie

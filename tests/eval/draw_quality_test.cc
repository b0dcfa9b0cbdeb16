// Figures of samples are those of the images that are drawn.
#include "lib/eval/draw_quality.h"

#include <cmath>

#include "lib/eval/model_images.h"
#include "tests/support/digits.h"

namespace pie {
namespace {

TEST(SampleQuality, IsThatOfTheSamples) {
  const SamplingOptions options{0.7, 1, 5};
  const auto report = evaluate_draws(tiny(), 20, options, nullptr);
  const auto drawn = coder_for(tiny())->draw(20, options);
  EXPECT_EQ(report.images.pixels(), drawn.pixels());
  EXPECT_EQ(report.sharpness.count(), 20u);
  EXPECT_DOUBLE_EQ(report.sharpness.mean(), sharpness(drawn).mean());
  EXPECT_TRUE(std::isnan(report.frechet_distance));
}

TEST(SampleQuality, DistancesAreThoseOfTheFeatureSpace) {
  Json preset = digits_preset();
  preset["classes"] = 10;
  const auto model = random_loaded_model(preset, 1, 0.05);
  const FeatureSpace space(model, load_all(digits("[:20]"), {1, 28, 28}));
  const auto report = evaluate_draws(model, 20, {}, &space);
  EXPECT_DOUBLE_EQ(report.frechet_distance, space.distance(report.images));
}

}  // namespace
}  // namespace pie

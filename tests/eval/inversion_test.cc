// The iterative inverse is as good as its bounds say.
#include "lib/eval/inversion.h"

#include <algorithm>
#include <cmath>

#include "tests/image/image_test_files.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

constexpr double kCoefficient = 0.8;
constexpr int kWeights = 3;  // of a residual block, each within the coefficient

std::shared_ptr<FlowModel> iresnet() {
  const Json preset = {{"name", "tiny-iresnet"},
                       {"arch", "iresnet"},
                       {"input", {{"channels", 1}, {"height", 8}, {"width", 8}}},
                       {"pre_transform", {{"kind", "affine"}, {"scale", 4.0}}},
                       {"pad_channels", 0},
                       {"classes", 0},
                       {"block",
                        {{"entry", "none"},
                         {"blocks", 2},
                         {"hidden", 6},
                         {"kernels", {3, 1, 3}},
                         {"activation", "elu"},
                         {"coefficient", kCoefficient},
                         {"always_scale", false},
                         {"act_norm", true}}},
                       {"scales", {Json::object(), {{"entry", "downsample"}}}},
                       {"train", tiny_preset()["train"]}};
  auto model = random_model(preset, 1, 0.3);
  model->certify();
  return model;
}

TEST(Inversion, GivesImagesBack) {
  const auto model = iresnet();
  const auto images = noise_set({1, 8, 8}, 150);  // more than one batch of the evaluation
  const torch::NoGradGuard no_grad;
  const auto report = evaluate_inversion(*model, images);
  EXPECT_EQ(report.images.pixels(), images.pixels());
  EXPECT_LT(report.max_abs_error, 1.0 / 512);
  EXPECT_LE(report.rms_error, report.max_abs_error);
  EXPECT_TRUE(std::isfinite(report.error_bound));
  EXPECT_GE(report.iterations_max, 1);
  EXPECT_GE(report.iterations_mean, 1);
  EXPECT_LE(report.iterations_mean, static_cast<double>(report.iterations_max));
}

TEST(Inversion, MorePlainStepsAreCloser) {
  const auto model = iresnet();
  const auto images = noise_set({1, 8, 8}, 20);
  const torch::NoGradGuard no_grad;
  double last = INFINITY;
  for (const int64_t iterations : {1, 4, 16}) {
    const auto report = evaluate_plain_inversion(*model, images, iterations);
    EXPECT_LT(report.rms_error, last);
    EXPECT_LE(report.iterations_max, iterations);
    last = report.rms_error;
  }
  EXPECT_GT(evaluate_plain_inversion(*model, images, 1).max_abs_error, 0.01);
}

TEST(Inversion, BoundsAreThoseOfTheBlocks) {
  const auto model = iresnet();
  const auto bounds = lipschitz_bounds(*model);
  ASSERT_EQ(bounds.size(), 4u);
  for (const double bound : bounds) {
    EXPECT_GT(bound, 0);
    EXPECT_LE(bound, std::pow(kCoefficient, kWeights) * (1 + 1e-6));
  }
  EXPECT_TRUE(lipschitz_bounds(*random_model(tiny_preset())).empty());
}

}  // namespace
}  // namespace pie

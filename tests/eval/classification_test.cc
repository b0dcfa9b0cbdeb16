// Percentages of known labels.
#include "lib/eval/classification.h"

#include <cmath>

#include "lib/base/error.h"
#include "lib/eval/model_images.h"
#include "lib/model/pixels.h"
#include "tests/support/digits.h"

namespace pie {
namespace {

TEST(Classification, PercentagesOfKnownLabels) {
  const Bytes right{1, 2, 3, 4};
  EXPECT_EQ(percent_right(right, right), 100);
  EXPECT_EQ(percent_right({1, 2, 3, 0}, right), 75);
  EXPECT_EQ(percent_right({2, 3, 4, 1}, right), 0);
  EXPECT_TRUE(std::isnan(percent_right({}, {})));
  EXPECT_THROW(percent_right({1, 2, 3}, right), ShapeError);
}

// 300 images are more than one batch of the evaluation.
TEST(Classification, OnlyTheLargestScoreIsRight) {
  Json preset = digits_preset();
  preset["classes"] = 10;
  const auto model = random_model(preset);
  const auto path = digits_path();
  const ImageSource source({path, path, path});
  const torch::NoGradGuard no_grad;
  const auto classes =
      model->logits(to_unit(load_all(source, model->input_shape()))).argmax(1).to(torch::kUInt8);
  Bytes labels(classes.data_ptr<uint8_t>(), classes.data_ptr<uint8_t>() + classes.numel());
  EXPECT_EQ(classification_error(*model, source, labels), 0);
  for (size_t i = 0; i < labels.size(); i += 4) labels[i] = static_cast<uint8_t>(labels[i] + 1);
  EXPECT_EQ(classification_error(*model, source, labels), 25);
  labels.pop_back();
  EXPECT_THROW(classification_error(*model, source, labels), ShapeError);
}

TEST(Classification, NeedsAClassifier) {
  const auto source = digits("[:2]");
  EXPECT_THROW(classification_error(*random_model(digits_preset()), source, Bytes(2)), UsageError);
}

}  // namespace
}  // namespace pie

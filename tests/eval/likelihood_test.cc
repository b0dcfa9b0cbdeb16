// Likelihood figures: parts that sum up, and nothing that depends on how images are grouped.
#include "lib/eval/likelihood.h"

#include <cmath>

#include "lib/eval/model_images.h"
#include "lib/image/image_io.h"
#include "lib/image/quality.h"
#include "lib/model/pixels.h"
#include "tests/image/image_test_files.h"
#include "tests/support/digits.h"
#include "tests/support/tiny_exact.h"

namespace pie {
namespace {

TEST(LikelihoodFigures, PartsSumToTheTotal) {
  const auto model = random_model(digits_preset(), 1, 0.05);
  const auto report = evaluate_likelihood(*model, digits("[:40]"), 3, 2);
  double sum = report.z + report.log_det + report.pre_transform + report.offset;
  ASSERT_EQ(report.r.size(), 3u);
  for (const double r : report.r) sum += r;
  EXPECT_NEAR(sum, report.bits_per_dim, 1e-6 * std::abs(sum));  // terms are added in float32
  EXPECT_EQ(report.offset, 8);
  EXPECT_EQ(report.images, 40);
  EXPECT_EQ(report.draws, 2);
  EXPECT_EQ(report.meaning, LikelihoodMeaning::kDequantization);
  EXPECT_NEAR(report.nats_per_image, -report.bits_per_dim * 784 * std::log(2.0), 1e-9 * 784);
}

TEST(LikelihoodFigures, AreTheMeanOfImagesTakenOneByOne) {
  const auto model = random_model(digits_preset(), 1, 0.05);
  const auto source = digits("[:24]");
  const torch::NoGradGuard no_grad;
  RunningMean bits;
  for (size_t i = 0; i < source.size(); ++i) {
    const auto image = load_images(source, {i}, model->input_shape());
    const double nats = model->log_likelihood(dequantize(image, {i}, 3, 0)).total().item<double>();
    bits.add(8 - nats / (784 * std::log(2.0)));
  }
  const auto report = evaluate_likelihood(*model, source, 3, 1);
  EXPECT_NEAR(report.bits_per_dim, bits.mean(), 1e-6 * std::abs(bits.mean()));
  EXPECT_NEAR(report.standard_error, bits.standard_error(), 1e-5 * bits.standard_error());
}

// 300 images are more than one batch of the evaluation.
TEST(LikelihoodFigures, DoNotDependOnBatches) {
  const auto model = random_model(digits_preset(), 1, 0.05);
  const auto path = digits_path();
  const ImageSource source({path, path, path});
  ASSERT_EQ(source.size(), 300u);
  const torch::NoGradGuard no_grad;
  const auto images = load_all(source, model->input_shape());
  const auto nats =
      model->log_likelihood(dequantize(images, index_range(0, source.size()), 5, 0)).total();
  const double expected =
      8 - nats.to(torch::kFloat64).mean().item<double>() / (784 * std::log(2.0));
  EXPECT_NEAR(evaluate_likelihood(*model, source, 5, 1).bits_per_dim, expected,
              1e-6 * std::abs(expected));
}

TEST(LikelihoodFigures, MoreDrawsStayWithinTheNoise) {
  const auto model = random_model(digits_preset(), 1, 0.05);
  const auto source = digits("[:30]");
  const auto one = evaluate_likelihood(*model, source, 3, 1);
  const auto many = evaluate_likelihood(*model, source, 3, 8);
  const auto other = evaluate_likelihood(*model, source, 4, 1);
  EXPECT_NE(one.bits_per_dim, many.bits_per_dim);
  EXPECT_NE(one.bits_per_dim, other.bits_per_dim);
  const double error = std::hypot(one.standard_error, many.standard_error);
  EXPECT_NEAR(one.bits_per_dim, many.bits_per_dim, 4 * error);
  EXPECT_NEAR(one.bits_per_dim, other.bits_per_dim, 4 * std::hypot(error, other.standard_error));
  EXPECT_EQ(evaluate_likelihood(*model, source, 3, 1).bits_per_dim, one.bits_per_dim);
}

// There is nothing to dequantize, so neither the seed nor the number of draws matters.
TEST(LikelihoodFigures, ADiscreteModelNeedsNoNoise) {
  const auto model = random_exact_pie(tiny_exact_preset(1, 28, 28));
  const auto source = digits("[:5]");
  const auto one = evaluate_likelihood(*model, source, 3, 1);
  const auto many = evaluate_likelihood(*model, source, 4, 7);
  EXPECT_EQ(one.draws, 0);
  EXPECT_EQ(many.draws, 0);
  EXPECT_EQ(one.meaning, LikelihoodMeaning::kCodeLength);
  EXPECT_EQ(one.bits_per_dim, many.bits_per_dim);
}

TEST(LikelihoodFigures, EveryWayToALogDetHasDefaults) {
  using Method = LogDetEstimator::Method;
  for (const auto method : {Method::kExact, Method::kSeries, Method::kRoulette}) {
    const auto how = default_log_det(method);
    EXPECT_EQ(how.method, method);
    EXPECT_GE(how.terms, 1);
    EXPECT_EQ(how.probes, 1);
  }
  EXPECT_EQ(default_log_det().method, Method::kRoulette);
  // What is cut off must not be seen; what is drawn at random need not be little.
  EXPECT_GT(default_log_det(Method::kSeries).terms, default_log_det().terms);
}

class LikelihoodFiles : public TestWithFolder {
 protected:
  void put_png(const std::string& name, const Image& image) const {
    put(name, encode_image(image, "png"));
  }
};

TEST_F(LikelihoodFiles, AFolderOfPicturesIsTheSameDataAsAnArchive) {
  const auto archive = digits("[:12]");
  for (size_t i = 0; i < archive.size(); ++i) {
    put_png(std::string("digit-") + static_cast<char>('a' + i) + ".png", archive.load(i));
  }
  const auto model = random_model(digits_preset(), 1, 0.05);
  EXPECT_NEAR(evaluate_likelihood(*model, ImageSource({folder()}), 3, 1).bits_per_dim,
              evaluate_likelihood(*model, archive, 3, 1).bits_per_dim, 1e-6);
}

TEST_F(LikelihoodFiles, AnotherGeometryIsNamed) {
  put_png("a.png", noise_image({1, 28, 28}));
  put_png("b.png", noise_image({1, 28, 27}));
  const auto model = random_model(digits_preset());
  const auto message =
      message_of<ShapeError>([&] { evaluate_likelihood(*model, ImageSource({folder()}), 3, 1); });
  EXPECT_TRUE(contains(message, "b.png")) << message;
}

}  // namespace
}  // namespace pie

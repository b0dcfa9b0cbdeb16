// Likelihood figures: parts that sum up, and nothing that depends on how images are grouped.
#include "lib/train/evaluation.h"

#include <cmath>
#include <numeric>

#include "lib/image/image_io.h"
#include "lib/image/quality.h"
#include "lib/model/pixels.h"
#include "tests/image/image_test_files.h"
#include "tests/support/digits.h"

namespace pie {
namespace {

TEST(Evaluation, PartsSumToTheTotal) {
  const auto model = random_model(digits_preset(), 1, 0.05);
  const auto report = evaluate_likelihood(*model, digits("[:40]"), 3, 2);
  double sum = report.z + report.log_det + report.pre_transform + report.offset;
  ASSERT_EQ(report.r.size(), 3u);
  for (const double r : report.r) sum += r;
  EXPECT_NEAR(sum, report.bits_per_dim, 1e-6 * std::abs(sum));  // terms are added in float32
  EXPECT_EQ(report.offset, 8);
  EXPECT_EQ(report.images, 40);
  EXPECT_EQ(report.draws, 2);
  EXPECT_NEAR(report.nats_per_image, -report.bits_per_dim * 784 * std::log(2.0), 1e-9 * 784);
}

TEST(Evaluation, IsTheMeanOfImagesTakenOneByOne) {
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
TEST(Evaluation, DoesNotDependOnBatches) {
  const auto model = random_model(digits_preset(), 1, 0.05);
  const auto path = digits_path();
  const ImageSource source({path, path, path});
  ASSERT_EQ(source.size(), 300u);
  std::vector<size_t> indices(source.size());
  std::iota(indices.begin(), indices.end(), size_t{0});
  const torch::NoGradGuard no_grad;
  const auto images = load_images(source, indices, model->input_shape());
  const auto nats = model->log_likelihood(dequantize(images, indices, 5, 0)).total();
  const double expected =
      8 - nats.to(torch::kFloat64).mean().item<double>() / (784 * std::log(2.0));
  EXPECT_NEAR(evaluate_likelihood(*model, source, 5, 1).bits_per_dim, expected,
              1e-6 * std::abs(expected));
}

TEST(Evaluation, MoreDrawsStayWithinTheNoise) {
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

class EvaluationFiles : public TestWithFolder {};

TEST_F(EvaluationFiles, AFolderOfPicturesIsTheSameDataAsAnArchive) {
  const auto archive = digits("[:12]");
  for (size_t i = 0; i < archive.size(); ++i) {
    write_image(path(std::string("digit-") + static_cast<char>('a' + i) + ".png"), archive.load(i),
                ImageFormat::kPng, false);
  }
  const auto model = random_model(digits_preset(), 1, 0.05);
  EXPECT_NEAR(evaluate_likelihood(*model, ImageSource({folder()}), 3, 1).bits_per_dim,
              evaluate_likelihood(*model, archive, 3, 1).bits_per_dim, 1e-6);
}

TEST_F(EvaluationFiles, AnotherGeometryIsNamed) {
  write_image(path("a.png"), noise_image({1, 28, 28}), ImageFormat::kPng, false);
  write_image(path("b.png"), noise_image({1, 28, 27}), ImageFormat::kPng, false);
  const auto model = random_model(digits_preset());
  const auto message =
      message_of<ShapeError>([&] { evaluate_likelihood(*model, ImageSource({folder()}), 3, 1); });
  EXPECT_TRUE(contains(message, "b.png")) << message;
}

TEST(Evaluation, ReconstructionsAreThePseudoInverse) {
  const auto model = random_model(digits_preset(), 1, 0.05);
  const auto source = digits("[:10]");
  const torch::NoGradGuard no_grad;
  const auto images = load_images(source, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, model->input_shape());
  const auto expected = to_images(model->decode(model->latents(to_unit(images)).z));
  const auto got = reconstruct(*model, images);
  EXPECT_EQ(got.pixels(), expected.pixels());
  Psnr psnr;
  psnr.add(images, expected);
  EXPECT_DOUBLE_EQ(reconstruction_psnr(*model, source), psnr.pooled_db());
  Psnr first;
  first.add(images.slice(0, 3), expected.slice(0, 3));
  EXPECT_NEAR(reconstruction_psnr(*model, source, 3), first.pooled_db(), 0.01);
}

}  // namespace
}  // namespace pie

// What comes back from z alone, and its figures.
#include "lib/eval/reconstruction.h"

#include "lib/eval/model_images.h"
#include "lib/image/quality.h"
#include "lib/model/pixels.h"
#include "tests/support/digits.h"

namespace pie {
namespace {

TEST(Reconstruction, IsThePseudoInverse) {
  const auto model = random_model(digits_preset(), 1, 0.05);
  const auto source = digits("[:10]");
  const torch::NoGradGuard no_grad;
  const auto images = load_all(source, model->input_shape());
  const auto expected = to_images(model->decode(model->latents(to_unit(images)).z));
  const auto report = evaluate_reconstruction(*model, images);
  EXPECT_EQ(report.images.pixels(), expected.pixels());
  EXPECT_EQ(reconstruct(*model, images).pixels(), expected.pixels());
  Psnr psnr;
  psnr.add(images, expected);
  EXPECT_DOUBLE_EQ(report.psnr_db, psnr.pooled_db());
  EXPECT_DOUBLE_EQ(report.psnr_db_mean_of_images, psnr.mean_of_images_db());
  EXPECT_DOUBLE_EQ(report.ssim, ssim(images, expected).mean());
  EXPECT_DOUBLE_EQ(reconstruction_psnr(*model, source), psnr.pooled_db());
  Psnr first;
  first.add(images.slice(0, 3), expected.slice(0, 3));
  EXPECT_NEAR(reconstruction_psnr(*model, source, 3), first.pooled_db(), 0.01);
}

// Images of z alone are what they are reconstructed as, but for their rounding.
TEST(Reconstruction, OfReconstructionsIsBetterThanOfImages) {
  const auto model = random_model(digits_preset(), 1, 0.05);
  const auto images = load_all(digits("[:10]"), model->input_shape());
  const auto once = evaluate_reconstruction(*model, images);
  const auto twice = evaluate_reconstruction(*model, once.images);
  EXPECT_GT(twice.psnr_db, once.psnr_db);
  EXPECT_GT(twice.ssim, once.ssim);
}

}  // namespace
}  // namespace pie

// PSNR, SSIM and sharpness agree with values worked out by hand or by a plain script.
#include "lib/image/quality.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "lib/image/idx.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

TEST(RunningMean, MeanAndStandardError) {
  RunningMean mean;
  EXPECT_TRUE(std::isnan(mean.mean()));
  mean.add(1);
  EXPECT_TRUE(std::isnan(mean.standard_error()));
  mean.add(2);
  mean.add(6);
  EXPECT_DOUBLE_EQ(mean.mean(), 3);
  EXPECT_DOUBLE_EQ(mean.standard_error(), std::sqrt(7.0 / 3));  // variance (4 + 1 + 9) / 2
}

TEST(Psnr, AgreesWithHandCalculation) {
  const ImageSet a({1, 2, 2}, Bytes{0, 0, 0, 0, 255, 0, 0, 0, 7, 7, 7, 7});
  const ImageSet b({1, 2, 2}, Bytes{10, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7});
  Psnr psnr;
  psnr.add(a, b);
  EXPECT_EQ(psnr.images(), 3u);
  const double mse = (100.0 + 65025) / 12;
  EXPECT_DOUBLE_EQ(psnr.mse(), mse);
  EXPECT_DOUBLE_EQ(psnr.pooled_db(), 10 * std::log10(65025 / mse));
  // 255^2 / 25 and 255^2 / (255^2 / 4); the identical pair stays out.
  EXPECT_DOUBLE_EQ(psnr.mean_of_images_db(), (10 * std::log10(2601) + 10 * std::log10(4)) / 2);
}

TEST(Psnr, IdenticalImagesAreInfinite) {
  Psnr psnr;
  EXPECT_TRUE(std::isnan(psnr.pooled_db()));
  EXPECT_TRUE(std::isnan(psnr.mean_of_images_db()));
  const ImageSet set = noise_set({3, 4, 4}, 2);
  psnr.add(set, set);
  EXPECT_EQ(psnr.pooled_db(), INFINITY);
  EXPECT_EQ(psnr.mean_of_images_db(), INFINITY);
}

// The pair of images that the script below knows.
//   a[y][x] = (37 y + 91 x + 5 x y) % 256;  b = clamp(a + (7 y + 3 x) % 41 - 20, 0, 255)
std::pair<Bytes, Bytes> script_pair(int height, int width) {
  std::pair<Bytes, Bytes> pair;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const int a = (37 * y + 91 * x + 5 * x * y) % 256;
      const int b = std::clamp(a + (7 * y + 3 * x) % 41 - 20, 0, 255);
      pair.first.push_back(static_cast<std::uint8_t>(a));
      pair.second.push_back(static_cast<std::uint8_t>(b));
    }
  }
  return pair;
}

TEST(Ssim, AgreesWithDirectSummation) {
  // From the definition, with the two-dimensional window and centred moments, in Python.
  auto [a, b] = script_pair(13, 12);
  EXPECT_NEAR(ssim({1, 13, 12}, a.data(), b.data()), 0.9898797887094114, 1e-12);
  // A small image: the window shrinks to 3x3.
  std::tie(a, b) = script_pair(6, 4);
  EXPECT_NEAR(ssim({1, 6, 4}, a.data(), b.data()), 0.9930222725260393, 1e-12);
}

TEST(Ssim, OfFlatImagesIsTheLuminanceTerm) {
  for (const int side : {1, 2, 11, 20}) {
    const Shape g{1, side, side};
    const Bytes a(g.elements(), 100);
    const Bytes b(g.elements(), 120);
    const double c1 = 2.55 * 2.55;
    EXPECT_NEAR(ssim(g, a.data(), b.data()), (24000 + c1) / (24400 + c1), 1e-12);
  }
}

TEST(Ssim, IdenticalImagesHaveOne) {
  const ImageSet set = noise_set({3, 16, 20}, 2);
  EXPECT_NEAR(ssim(set, set).mean(), 1, 1e-12);
}

TEST(Ssim, AveragesChannels) {
  const ImageSet a = noise_set({3, 12, 12}, 1, 1);
  const ImageSet b = noise_set({3, 12, 12}, 1, 2);
  double sum = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    sum += ssim({1, 12, 12}, a.data() + 144 * c, b.data() + 144 * c);
  }
  EXPECT_NEAR(ssim(a, b).mean(), sum / 3, 1e-12);
}

TEST(Sharpness, AgreesWithHandCalculation) {
  // The Laplacian is -4 at the white pixel and 1 beside it: mean -1.5, variance 2.5^2.
  const Bytes dot{0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0};
  EXPECT_DOUBLE_EQ(sharpness({1, 3, 4}, dot.data()), 6.25);
  // A single activation does not vary.
  EXPECT_EQ(sharpness({1, 3, 3}, dot.data()), 0);
}

TEST(Sharpness, ReducesColourToLuma) {
  Bytes rgba(4 * 12, 0);
  rgba[12 + 5] = 255;      // a green dot
  rgba[3 * 12 + 6] = 255;  // alpha plays no part
  EXPECT_NEAR(sharpness({4, 3, 4}, rgba.data()), 6.25 * 0.587 * 0.587, 1e-12);
}

TEST(Sharpness, OfTheDigitsIsThatOfMnist) {
  const RunningMean digits =
      sharpness(read_idx_images(Input(PIE_TESTDATA "/digits-images-idx3-ubyte.gz")));
  EXPECT_EQ(digits.count(), 100u);
  // The 10,000 test digits give 0.1825; these are other, fewer ones.
  EXPECT_NEAR(digits.mean(), 0.1825, 4 * digits.standard_error());
  EXPECT_LT(digits.standard_error(), 0.02);
}

TEST(Quality, RefusesWhatCannotBeCompared) {
  const ImageSet a({1, 4, 4}, 2);
  Psnr psnr;
  EXPECT_THROW(psnr.add(a, ImageSet({1, 4, 4}, 1)), ShapeError);
  EXPECT_THROW(ssim(a, ImageSet({1, 4, 5}, 2)), ShapeError);
  EXPECT_THROW(sharpness(ImageSet({1, 2, 9}, 1)), ShapeError);
}

}  // namespace
}  // namespace pie

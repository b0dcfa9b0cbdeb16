// 8-bit samples to the unit interval and back, and noise that belongs to its image.
#include "lib/model/pixels.h"

#include <numeric>

#include "tests/image/image_test_files.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

TEST(Pixels, All256ValuesComeBack) {
  Bytes values(256);
  std::iota(values.begin(), values.end(), uint8_t{0});
  const ImageSet images({1, 16, 16}, values);
  const auto x = to_unit(images);
  EXPECT_EQ(x.scalar_type(), torch::kFloat32);
  for (int64_t i = 0; i < 256; ++i) {
    EXPECT_EQ(x.view(-1)[i].item<double>(), (static_cast<double>(i) + 0.5) / 256);
  }
  EXPECT_EQ(to_images(x).pixels(), values);
  // Dequantized values stay within the bin of their pixel.
  EXPECT_EQ(to_images(dequantize(images, {7}, 1, 0)).pixels(), values);
}

TEST(Pixels, KeepPlanarOrder) {
  const auto images = noise_set({3, 4, 5}, 2);
  const auto x = to_unit(images);
  ASSERT_EQ(x.sizes(), torch::IntArrayRef({2, 3, 4, 5}));
  EXPECT_EQ(x[1][2][3][4].item<double>(), (images.image(1).at(3, 4, 2) + 0.5) / 256);
  EXPECT_EQ(to_images(x.contiguous(torch::MemoryFormat::ChannelsLast)).pixels(), images.pixels());
}

TEST(Pixels, WhatIsOutsideIsClamped) {
  const auto x = torch::tensor({-5.0F, -0.001F, 1.0F, 7.0F, NAN, INFINITY, -INFINITY, 0.999F});
  EXPECT_EQ(to_images(x.view({1, 1, 2, 4})).pixels(), (Bytes{0, 0, 255, 255, 0, 255, 0, 255}));
}

TEST(Pixels, NoiseIsUniform) {
  const ImageSet black({1, 32, 32}, 64);
  std::vector<size_t> indices(64);
  std::iota(indices.begin(), indices.end(), size_t{0});
  const auto noise = dequantize(black, indices, 3, 0).to(torch::kFloat64) * 256;
  EXPECT_GE(noise.min().item<double>(), 0);
  EXPECT_LT(noise.max().item<double>(), 1);
  // Five standard errors of the mean and the variance of 65,536 uniforms.
  const double n = 65536;
  EXPECT_NEAR(noise.mean().item<double>(), 0.5, 5 * std::sqrt(1 / 12.0 / n));
  EXPECT_NEAR((noise - 0.5).square().mean().item<double>(), 1 / 12.0, 5 * std::sqrt(1 / 180.0 / n));
}

TEST(Pixels, NoiseDependsOnSeedIndexAndDrawAlone) {
  const auto images = noise_set({1, 6, 5}, 3);
  const auto all = dequantize(images, {10, 11, 12}, 5, 2);
  EXPECT_TRUE(torch::equal(dequantize(images.slice(1, 2), {11}, 5, 2)[0], all[1]));
  EXPECT_TRUE(torch::equal(dequantize(images.slice(1, 3), {11, 12}, 5, 2), all.slice(0, 1)));
  const auto one = images.slice(0, 1);
  const auto base = dequantize(one, {10}, 5, 2);
  EXPECT_TRUE(torch::equal(base[0], all[0]));
  EXPECT_FALSE(torch::equal(dequantize(one, {11}, 5, 2), base));
  EXPECT_FALSE(torch::equal(dequantize(one, {10}, 6, 2), base));
  EXPECT_FALSE(torch::equal(dequantize(one, {10}, 5, 3), base));
}

}  // namespace
}  // namespace pie

// Samples belong to their number, and paths begin and end at their images.
#include "lib/base/error.h"
#include "lib/codec/codec.h"
#include "tests/image/image_test_files.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

// Rounding may differ between batches of different sizes, by one level at the most.
void expect_same_images(const ImageSet& a, const ImageSet& b) {
  ASSERT_EQ(a.shape(), b.shape());
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.pixels().size(); ++i) EXPECT_NEAR(a.pixels()[i], b.pixels()[i], 1);
}

ImageSet sample(size_t count, const SamplingOptions& options) {
  return coder_for(tiny())->draw(count, options);
}

ImageSet from_latents(const torch::Tensor& z) { return coder_for(tiny())->from_latents(z); }

TEST(Sampling, ASampleDependsOnSeedAndNumberAlone) {
  for (const double residual_temperature : {0.0, 1.0}) {
    SamplingOptions options;
    options.residual_temperature = residual_temperature;
    const auto many = sample(130, options);
    ASSERT_EQ(many.size(), 130u);
    EXPECT_EQ(sample(130, options).pixels(), many.pixels());
    expect_same_images(sample(3, options), many.slice(0, 3));
    expect_same_images(sample(100, options), many.slice(0, 100));
    options.seed = 1;
    EXPECT_NE(sample(130, options).pixels(), many.pixels());
  }
}

TEST(Sampling, WithoutTemperatureEverySampleIsTheMean) {
  SamplingOptions options;
  options.temperature = 0;
  const auto cold = sample(3, options);
  expect_same_images(cold.slice(0, 1), from_latents(torch::zeros({1, 4})));
  EXPECT_EQ(cold.image(0), cold.image(2));
  options.residual_temperature = 1;
  const auto noisy = sample(3, options);
  EXPECT_NE(noisy.image(0), noisy.image(2));
}

TEST(Sampling, PathsBeginAndEndAtTheReconstructions) {
  const auto ends = noise_set({1, 8, 8}, 2);
  const auto z = encode_latents(tiny(), feed_of(ends));
  const auto path = interpolate(tiny(), ends, 5);
  ASSERT_EQ(path.size(), 5u);
  expect_same_images(path.slice(0, 1), from_latents(z.narrow(0, 0, 1)));
  expect_same_images(path.slice(2, 3), from_latents(z.mean(0, true)));
  expect_same_images(path.slice(4, 5), from_latents(z.narrow(0, 1, 1)));
  EXPECT_THROW(interpolate(tiny(), ends, 1), UsageError);
}

}  // namespace
}  // namespace pie

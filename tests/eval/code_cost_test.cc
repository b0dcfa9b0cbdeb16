// Figures of a code against the file itself and what its prefixes decode to.
#include "lib/eval/code_cost.h"

#include <cmath>

#include "lib/container/code_file.h"
#include "lib/eval/likelihood.h"
#include "lib/eval/model_images.h"
#include "lib/image/image_io.h"
#include "lib/image/quality.h"
#include "tests/container/sample_files.h"
#include "tests/image/image_test_files.h"
#include "tests/support/tiny_exact.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

Bytes archive_of(const LoadedModel& model, const ImageSet& images, CodingOptions options) {
  options.archive = true;
  return encode_images(model, feed_of(images), options).frame;
}

ImageSet decoded(const LoadedModel& model, const Bytes& file, const Shape& shape) {
  const CodeFile code(file);
  const auto& frame = code.frames()[0];
  const auto indices = index_range(0, frame.header().images);
  ImageSet images(shape);
  decode_images(model, frame, 0, {indices.begin(), indices.end()},
                [&](uint64_t, const Image& image) { images.append(image); });
  return images;
}

// The squared error of each image.
std::vector<double> errors(const ImageSet& a, const ImageSet& b) {
  std::vector<double> result;
  for (size_t i = 0; i < a.size(); ++i) {
    Psnr one;
    one.add(a.slice(i, i + 1), b.slice(i, i + 1));
    result.push_back(one.mse());
  }
  return result;
}

void expect_figures_of_the_file(const LoadedModel& model, const ImageSet& images) {
  const auto report = evaluate_code(model, {images}, {});
  // Sets add up.
  const auto twice = evaluate_code(model, {images, images}, {});
  EXPECT_EQ(twice.file_bytes, 2 * report.file_bytes);
  EXPECT_DOUBLE_EQ(twice.file_bits_per_dim, report.file_bits_per_dim);
  EXPECT_DOUBLE_EQ(twice.layers[0].psnr_db, report.layers[0].psnr_db);
  const auto file = archive_of(model, images, {});
  const CodeFile code(file);
  const auto& frame = code.frames()[0];
  EXPECT_EQ(report.file_bytes, file.size());
  EXPECT_EQ(report.lossless, frame.header().lossless());
  const auto dims = static_cast<double>(images.pixels().size());
  const auto count = static_cast<double>(images.size());
  EXPECT_DOUBLE_EQ(report.file_bits_per_dim, 8 * static_cast<double>(file.size()) / dims);

  // Everything is in a layer or overhead, and the last prefix is the file.
  uint64_t bytes = report.overhead_bytes;
  double ideal = 0;
  std::vector<double> previous;
  ASSERT_EQ(report.layers.size(), static_cast<size_t>(frame.layers()));
  for (int k = 0; k < frame.layers(); ++k) {
    const auto& layer = report.layers[static_cast<size_t>(k)];
    EXPECT_EQ(layer.name, frame.layer_name(k));
    EXPECT_EQ(layer.payload_bytes, frame.layer_bytes(k));
    EXPECT_EQ(layer.model_blocks + layer.plain_blocks, frame.blocks());
    bytes += layer.payload_bytes;
    ideal += layer.ideal_bytes;
    EXPECT_NEAR(layer.ideal_bytes * (1 + layer.gap_percent / 100),
                static_cast<double>(layer.payload_bytes), 1e-6);
    // A file cut here.
    const auto cut = test::cut(frame, k + 1);
    EXPECT_LE(layer.prefix_bytes_per_image * count, static_cast<double>(file.size()));
    const auto back = decoded(model, cut, images.shape());
    Psnr psnr;
    psnr.add(images, back);
    EXPECT_DOUBLE_EQ(layer.psnr_db, psnr.pooled_db());
    const auto now = errors(images, back);
    int worse = 0;
    for (size_t i = 0; i < previous.size(); ++i) worse += now[i] > previous[i] ? 1 : 0;
    EXPECT_DOUBLE_EQ(layer.images_made_worse_percent, 100 * worse / count);
    previous = now;
  }
  EXPECT_EQ(bytes, file.size());
  EXPECT_DOUBLE_EQ(report.layers.back().prefix_bytes_per_image * count,
                   static_cast<double>(file.size()));
  EXPECT_DOUBLE_EQ(report.ideal_bits_per_dim, 8 * ideal / dims);
}

TEST(CodeCosts, OfLossyCodes) {
  expect_figures_of_the_file(tiny(), coder_for(tiny())->draw(30, {1, 1, 3}));
}

TEST(CodeCosts, OfLosslessCodes) {
  const auto model = random_loaded_exact_pie(tiny_exact_preset());
  const auto images = noise_set({1, 7, 6}, 30);
  expect_figures_of_the_file(model, images);
  const auto report = evaluate_code(model, {images}, {});
  EXPECT_TRUE(report.lossless);
  EXPECT_TRUE(std::isinf(report.layers.back().psnr_db));
  EXPECT_EQ(report.layers.back().images_made_worse_percent, 0);
}

TEST(CodeCosts, AFinerStepCostsMoreAndGivesMore) {
  const auto images = coder_for(tiny())->draw(30, {1, 1, 3});
  CodingOptions coarse, fine;
  coarse.step = 512;
  fine.step = 64;
  const auto large = evaluate_code(tiny(), {images}, coarse),
             small = evaluate_code(tiny(), {images}, fine);
  EXPECT_EQ(large.step, 0.5);
  EXPECT_EQ(small.step, 0.0625);
  EXPECT_LT(large.file_bytes, small.file_bytes);
  EXPECT_LT(large.ideal_bits_per_dim, small.ideal_bits_per_dim);
  EXPECT_LT(large.layers.back().psnr_db, small.layers.back().psnr_db);
}

class CodeCostFiles : public TestWithFolder {};

// The probabilities that code the levels are those of the likelihood.
TEST_F(CodeCostFiles, TheIdealLengthOfALosslessCodeIsTheLikelihood) {
  const auto model = random_loaded_exact_pie(tiny_exact_preset());
  const auto images = noise_set({1, 7, 6}, 5);
  std::vector<std::string> paths;
  for (size_t i = 0; i < images.size(); ++i) {
    paths.push_back(put(std::to_string(i) + ".png", encode_image(images.image(i), "png")));
  }
  const auto likelihood = evaluate_likelihood(*model.model, ImageSource(paths), 0, 1);
  EXPECT_NEAR(evaluate_code(model, {images}, {}).ideal_bits_per_dim, likelihood.bits_per_dim,
              1e-4 * likelihood.bits_per_dim);
}

}  // namespace
}  // namespace pie

// Exact PIEs give every sample back, whatever the image and the machine, and notice when they
// cannot.
#include "lib/codec/exact_coder.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "lib/codec/codec.h"
#include "lib/container/code_file.h"
#include "lib/exact/exact_convolution.h"
#include "lib/model/pixels.h"
#include "tests/container/sample_files.h"
#include "tests/image/image_test_files.h"
#include "tests/support/cast.h"
#include "tests/support/tiny_exact.h"

namespace pie {
namespace {

const LoadedModel& tiny_exact() {
  static const LoadedModel model = random_loaded_exact_pie(tiny_exact_preset());
  return model;
}

// Of colours, without positions.
const LoadedModel& tiny_photo() {
  static const LoadedModel model = random_loaded_exact_pie(tiny_photo_preset(), 4);
  return model;
}

EncodedImages encode(const LoadedModel& model, const ImageSet& images, int layers = 0) {
  CodingOptions options;
  options.layers = layers;
  options.archive = images.size() != 1;
  return encode_images(model, feed_of(images), options);
}

ImageSet decode(const LoadedModel& model, const Bytes& file, int layers = 0,
                std::vector<uint64_t> indices = {}) {
  const CodeFile code(file);
  const auto& header = code.frames().front().header();
  if (indices.empty()) {
    indices.resize(header.images);
    std::iota(indices.begin(), indices.end(), uint64_t{0});
  }
  ImageSet images({header.channels, header.height, header.width});
  size_t k = 0;
  decode_images(model, code.frames().front(), layers, indices,
                [&](uint64_t index, const Image& image) {
                  EXPECT_EQ(index, indices[k++]);
                  images.append(image);
                });
  EXPECT_EQ(k, indices.size());
  return images;
}

// Decodes the only image of a frame.
Image decode_one(const LoadedModel& model, const Bytes& file, int layers = 0) {
  const CodeFile code(file);
  Image result;
  decode_images(model, code.frames().front(), layers, {0},
                [&](uint64_t, const Image& image) { result = image; });
  return result;
}

// Images that the model finds likely, so that it, and not a fallback, codes them.
ImageSet likely(size_t count, const LoadedModel& model = tiny_exact()) {
  return coder_for(model)->draw(count, {1, 1, 5});
}

// Few colours in large areas: what an image says of itself is worth most.
Image poster(int64_t height, int64_t width) {
  Image image({3, height, width});
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const int kind = static_cast<int>((y / 7 + x / 11) % 3 + (x * y % 29 == 0 ? 1 : 0));
      for (int c = 0; c < 3; ++c) image.set(y, x, c, 40 + 70 * kind - 13 * c);
    }
  }
  return image;
}

TEST(ExactCodec, GivesEverySampleBackForImagesOfAnySize) {
  for (const int channels : {1, 3}) {
    const auto model = random_loaded_exact_pie(tiny_exact_preset(channels), 2);
    for (const auto& [height, width] :
         std::vector<std::pair<int, int>>{{7, 6}, {1, 1}, {1, 7}, {31, 33}, {6, 7}, {8, 12}}) {
      const Shape shape{channels, height, width};
      for (const auto& images : {noise_set(shape, 2), noise_set(shape, 1), ImageSet(shape, 1)}) {
        const auto encoded = encode(model, images);
        EXPECT_EQ(decode(model, encoded.frame).pixels(), images.pixels()) << to_string(shape);
        EXPECT_TRUE(CodeFile(encoded.frame).frames()[0].header().lossless());
        EXPECT_EQ(encode(model, images).frame, encoded.frame);
      }
    }
  }
}

TEST(ExactCodec, ModelsWithoutPositionsTakeEverySize) {
  for (const auto& [height, width] : std::vector<std::pair<int, int>>{
           {8, 8}, {1, 1}, {1, 7}, {31, 33}, {1025, 3}, {1, 2049}, {120, 260}}) {
    const auto images = noise_set({3, height, width}, 1);
    const auto encoded = encode(tiny_photo(), images).frame;
    const auto header = CodeFile(encoded).frames()[0].header();
    EXPECT_EQ(header.tiled(), std::max(height, width) > 1024);
    // Tiles are equal, so little is padded.
    if (header.tiled()) {
      const int columns = (width + 1023) / 1024, rows = (height + 1023) / 1024;
      EXPECT_EQ(header.tiles_per_image(), static_cast<uint64_t>(columns * rows));
      EXPECT_LT(columns * static_cast<int>(header.tile_width), width + columns);
      EXPECT_LT(rows * static_cast<int>(header.tile_height), height + rows);
    }
    EXPECT_EQ(decode(tiny_photo(), encoded).pixels(), images.pixels()) << height << " " << width;
  }
}

// Large enough that a plane has more samples than are all asked for their set of levels; or that
// the means of some planes of a scale are corrected, and not those of the others.
TEST(ExactCodec, GivesImagesOfFewColoursBack) {
  for (const auto& [height, width] : std::vector<std::pair<int, int>>{
           {150, 140}, {33, 64}, {9, 5}, {1, 300}, {63, 66}, {3, 1024}, {1024, 3}}) {
    const auto image = poster(height, width);
    const auto encoded = encode_images(tiny_photo(), feed_of(image), CodingOptions());
    EXPECT_TRUE(decode_one(tiny_photo(), encoded.frame) == image) << height << " " << width;
    for (int layers = 1; layers < 3; ++layers) {
      const auto cut = test::cut(CodeFile(encoded.frame).frames()[0], layers);
      EXPECT_TRUE(decode_one(tiny_photo(), cut) == decode_one(tiny_photo(), encoded.frame, layers));
    }
  }
}

TEST(ExactCodec, CodesAlphaGrayAndSixteenBits) {
  for (const int channels : {1, 2, 3, 4}) {
    for (const int bits : {8, 16}) {
      const auto image = noise_image({channels, 9, 11}, bits);
      SCOPED_TRACE(std::to_string(channels) + " channels, " + std::to_string(bits) + " bits");
      const auto encoded = encode_images(tiny_photo(), feed_of(image), CodingOptions());
      EXPECT_TRUE(decode_one(tiny_photo(), encoded.frame) == image);
      EXPECT_TRUE(CodeFile(encoded.frame).frames()[0].header().lossless());
      // Without the chunk, which comes last, alpha is opaque.
      if (channels == 4 && bits == 8) {
        const CodeFile whole(encoded.frame);
        const auto end = breakpoints(whole.frames()[0]).back().offset;
        const Bytes cut(encoded.frame.begin(),
                        encoded.frame.begin() + static_cast<std::ptrdiff_t>(end));
        EXPECT_EQ(decode_one(tiny_photo(), cut, 3).at(4, 5, 3), 255);
      }
    }
  }
  EXPECT_THROW(encode(tiny_exact(), noise_set({3, 9, 9}, 1)), ShapeError);
}

// Gray images cost a model of colours nothing for the two channels that repeat the first.
TEST(ExactCodec, GrayIsCodedOnce) {
  const auto gray = encode(tiny_photo(), noise_set({1, 16, 16}, 1));
  size_t symbols = 0;
  for (const auto& layer : gray.layers) symbols += layer.symbols;
  EXPECT_EQ(symbols, 256U);
}

TEST(ExactCodec, NoiseCostsAtMostRawSizeAndOverhead) {
  const auto images = noise_set({1, 7, 6}, 1200);
  const auto encoded = encode(tiny_exact(), images);
  EXPECT_LE(encoded.frame.size(), images.pixels().size() + 1200);
  EXPECT_EQ(decode(tiny_exact(), encoded.frame).pixels(), images.pixels());
}

// Of sets of images, of which none has experts of its own.
TEST(ExactCodec, FilesAreAsLongAsTheModelSays) {
  const auto colours = random_loaded_exact_pie(tiny_exact_preset(3), 3);
  for (const auto* model : {&tiny_exact(), &tiny_photo(), &colours}) {
    const auto images = likely(600, *model);
    const auto encoded = encode(*model, images);
    double ideal = 0;
    for (const auto& layer : encoded.layers) ideal += layer.ideal_bits;
    EXPECT_LE(8.0 * static_cast<double>(encoded.frame.size()), 1.01 * ideal + 8 * 200);
    const auto terms = model->model->measured_log_likelihood(to_unit(images), {});
    const double likelihood =
        (terms.pre_transform - terms.total()).to(torch::kFloat64).sum().item<double>() /
        std::log(2.0);
    EXPECT_NEAR(ideal, likelihood, 1e-4 * ideal);
  }
}

TEST(ExactCodec, PrefixesDoNotDependOnTheGroupingOfImages) {
  const auto images = likely(600);
  const auto file = encode(tiny_exact(), images).frame;
  for (int layers = 1; layers <= 3; ++layers) {
    const auto all = decode(tiny_exact(), file, layers);
    const auto some = decode(tiny_exact(), file, layers, {599, 3, 513});
    for (const auto& [at, index] : std::vector<std::pair<size_t, size_t>>{{0, 599}, {1, 3}}) {
      EXPECT_EQ(some.slice(at, at + 1).pixels(), all.slice(index, index + 1).pixels());
      const auto one = encode(tiny_exact(), images.slice(index, index + 1)).frame;
      EXPECT_EQ(decode(tiny_exact(), one, layers).pixels(), all.slice(index, index + 1).pixels());
    }
    // A file cut there, or written with so few layers, is the same image.
    const auto cut = test::cut(CodeFile(file).frames()[0], layers);
    EXPECT_EQ(decode(tiny_exact(), cut).pixels(), all.pixels());
    EXPECT_EQ(encode(tiny_exact(), images, layers).frame, cut);
  }
  EXPECT_EQ(decode(tiny_exact(), file, 3).pixels(), images.pixels());
}

// Each layer but z doubles the rows and columns that are known.
TEST(ExactCodec, CutFilesKeepTheSamplesTheyHold) {
  for (const Shape shape : {Shape{3, 21, 18}, Shape{1, 9, 30}, Shape{3, 1, 1}, Shape{3, 2, 5}}) {
    for (const size_t count : {size_t{1}, size_t{3}}) {
      const auto images = noise_set(shape, count);
      const auto file = encode(tiny_photo(), images).frame;
      for (int layers = 1; layers <= 3; ++layers) {
        const auto found = decode(tiny_photo(), file, layers);
        ASSERT_EQ(found.size(), count);
        const int64_t step = int64_t{1} << (3 - layers);
        for (size_t i = 0; i < count; ++i) {
          const auto whole = images.image(i), part = found.image(i);
          for (int64_t y = 0; y < shape.height; y += step) {
            for (int64_t x = 0; x < shape.width; x += step) {
              for (int c = 0; c < shape.channels; ++c) {
                ASSERT_EQ(part.at(y, x, c), whole.at(y, x, c)) << layers << ": " << y << " " << x;
              }
            }
          }
        }
      }
    }
  }
}

TEST(ExactCodec, KernelsAndThreadsGiveTheSameBytesAndPixels) {
  struct Case {
    const LoadedModel& model;
    ImageSet images;
  };
  const int threads = at::get_num_threads();
  // Images side by side, and rows of one.
  for (const auto& [model, images] :
       {Case{tiny_exact(), likely(600)}, Case{tiny_photo(), noise_set({3, 70, 50}, 1)}}) {
    const auto file = encode(model, images).frame;
    const auto coarse = decode(model, file, 1);
    for (const auto& kernel : exact_kernels()) {
      use_exact_kernel(kernel);
      for (const int t : {1, 2}) {
        SCOPED_TRACE(kernel + ", threads " + std::to_string(t));
        at::set_num_threads(t);
        EXPECT_EQ(encode(model, images).frame, file);
        EXPECT_EQ(decode(model, file).pixels(), images.pixels());
        EXPECT_EQ(decode(model, file, 1).pixels(), coarse.pixels());
      }
    }
    at::set_num_threads(threads);
    use_exact_kernel(exact_kernels().front());
  }
}

// A machine that disagrees in one number of a table is told from a damaged file.
TEST(ExactCodec, AnotherTableEntryIsDesynchronisation) {
  for (const bool single : {false, true}) {
    const auto preset = single ? tiny_photo_preset() : tiny_exact_preset();
    const auto model = random_loaded_exact_pie(preset);
    const auto file = encode(model, likely(single ? 1 : 40, model)).frame;
    for (const char* name : {"tables.tail", "tables.weights", "tables.rates"}) {
      auto other = random_loaded_exact_pie(preset);
      auto tensors = other.model->stored_tensors();
      for (auto& [key, tensor] : tensors) tensor = tensor.clone();
      // All entries of a falling table, so that it still falls; every second one of the others.
      auto& table = tensors.at(name);
      const int64_t step = std::string(name) == "tables.tail" ? 1 : 2;
      auto changed = table.slice(0, 0, table.size(0), step);
      changed.mul_(0.97).floor_().clamp_min_(step - 1);
      other.model->restore(tensors);
      ASSERT_EQ(other.fingerprint, model.fingerprint);
      EXPECT_THROW(decode(other, file), VerificationError) << name << ", single: " << single;
    }
  }
}

TEST(ExactCodec, FlippedBytesAreDamage) {
  for (const auto& file :
       {encode(tiny_exact(), likely(3)).frame, encode(tiny_exact(), likely(1)).frame}) {
    for (size_t at = 0; at < file.size(); at += 5) {
      auto flipped = file;
      flipped[at] = static_cast<uint8_t>(flipped[at] ^ 0x10);
      EXPECT_THROW(decode(tiny_exact(), flipped), Error) << at;
    }
    auto payload = file;
    payload.back() = static_cast<uint8_t>(payload.back() ^ 1);
    EXPECT_THROW(decode(tiny_exact(), payload), DamagedError);
    const Bytes cut(file.begin(), file.end() - 1);
    EXPECT_THROW(decode(tiny_exact(), cut), TruncatedError);
  }
}

TEST(ExactCodec, OtherModelsAreRefused) {
  const auto other = random_loaded_exact_pie(tiny_exact_preset(), 9);
  EXPECT_THROW(decode(other, encode(tiny_exact(), likely(1)).frame), UnsupportedError);
  EXPECT_THROW(encode(tiny_exact(), noise_set({3, 7, 6}, 1)), ShapeError);
  EXPECT_THROW(encode(tiny_exact(), likely(1), 4), UsageError);
  CodingOptions lossy;
  lossy.step = 100;
  EXPECT_THROW(encode_images(tiny_exact(), feed_of(likely(1)), lossy), UsageError);
}

// z is every fourth row and column of all channels, green first.
TEST(ExactCodec, LatentsAreTheCoarsestSamples) {
  const auto coder = coder_for(tiny_photo());
  const auto images = noise_set({3, 8, 8}, 3);
  const auto z = encode_latents(tiny_photo(), feed_of(images));
  ASSERT_EQ(z.size(0), 3);
  ASSERT_EQ(z.size(1), 3 * 4);
  EXPECT_EQ(coder->symbols_per_item({3, 8, 8}), (std::vector<size_t>{3 * 4, 3 * 12, 3 * 48}));
  const auto again = coder->from_latents(z);
  ASSERT_EQ(again.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    const auto image = images.image(i), kept = again.image(i);
    EXPECT_EQ(z[static_cast<int64_t>(i)][0].item<double>(), image.at(0, 0, 1));
    for (int64_t y = 0; y < 8; y += 4) {
      for (int64_t x = 0; x < 8; x += 4) {
        for (int c = 0; c < 3; ++c) EXPECT_EQ(kept.at(y, x, c), image.at(y, x, c));
      }
    }
  }
  // Images that stand for no levels are those of the nearest ones.
  EXPECT_EQ(coder->from_latents(z + 0.4).pixels(), again.pixels());
  EXPECT_EQ(coder->from_latents(z * 1000 - 300).pixels(),
            coder->from_latents((z * 1000 - 300).clamp(0, 255)).pixels());
  EXPECT_THROW(coder->from_latents(torch::zeros({2, 11})), ShapeError);
  EXPECT_THROW(coder->from_latents(torch::zeros({12})), ShapeError);
}

// 130 are more than are drawn at once.
TEST(ExactCodec, DrawsDependOnSeedAndNumberAlone) {
  for (const auto* model : {&tiny_exact(), &tiny_photo()}) {
    const auto coder = coder_for(*model);
    SamplingOptions options;
    const auto means = coder->draw(130, options);
    options.residual_temperature = 1;
    const auto many = coder->draw(130, options);
    ASSERT_EQ(many.size(), 130U);
    EXPECT_EQ(many.shape(), model->model->input_shape());
    EXPECT_EQ(coder->draw(3, options).pixels(), many.slice(0, 3).pixels());
    EXPECT_EQ(coder->draw(70, options).pixels(), many.slice(0, 70).pixels());
    EXPECT_NE(many.image(0), many.image(1));
    EXPECT_NE(many.image(0), many.image(64));
    // Where residuals are not drawn, z is.
    EXPECT_NE(means.pixels(), many.pixels());
    EXPECT_TRUE(torch::equal(coder->latents(means), coder->latents(many)));
    options.residual_temperature = 0;
    EXPECT_EQ(coder->draw(66, options).pixels(), means.slice(0, 66).pixels());
    options.seed = 1;
    EXPECT_NE(coder->draw(130, options).pixels(), means.pixels());
  }
}

TEST(ExactCodec, DrawsHaveNoTemperatures) {
  const auto coder = coder_for(tiny_exact());
  for (const auto& [z, residual] :
       std::vector<std::pair<double, double>>{{0.5, 0}, {0, 0}, {1, 0.5}, {1, 2}}) {
    EXPECT_THROW(coder->draw(1, {z, residual, 0}), UsageError);
  }
}

}  // namespace
}  // namespace pie

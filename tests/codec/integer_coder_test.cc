// Integer PIEs give every sample back, whatever the image, and notice when they cannot.
#include "lib/codec/integer_coder.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <numeric>

#include "lib/codec/codec.h"
#include "lib/container/code_file.h"
#include "lib/model/pixels.h"
#include "tests/container/sample_files.h"
#include "tests/support/cast.h"
#include "tests/support/tiny_integer.h"

namespace pie {
namespace {

const LoadedModel& tiny_integer() {
  static const LoadedModel model = random_loaded_integer_pie(tiny_integer_preset());
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

// Images that the model finds likely, so that it, and not a fallback, codes them.
ImageSet likely(size_t count) { return coder_for(tiny_integer())->draw(count, {1, 1, 5}); }

TEST(IntegerCodec, GivesEverySampleBackForImagesOfAnySize) {
  for (const int channels : {1, 3}) {
    const auto model = random_loaded_integer_pie(tiny_integer_preset(channels), 2);
    for (const auto& [height, width] :
         std::vector<std::pair<int, int>>{{7, 6}, {1, 1}, {1, 7}, {31, 33}, {6, 7}, {8, 12}}) {
      const Shape shape{channels, height, width};
      for (const auto& images : {random_levels(shape, 2), ImageSet(shape, 1)}) {
        const auto encoded = encode(model, images);
        EXPECT_EQ(decode(model, encoded.frame).pixels(), images.pixels()) << to_string(shape);
        EXPECT_TRUE(CodeFile(encoded.frame).frames()[0].header().lossless());
        EXPECT_EQ(encode(model, images).frame, encoded.frame);
      }
    }
  }
}

// A model of colours without positions.
const LoadedModel& tiny_photo() {
  static const LoadedModel model = [] {
    auto preset = tiny_integer_preset(3, 8, 8);
    preset["position"] = false;
    preset["relative_means"] = true;
    return random_loaded_integer_pie(preset, 4);
  }();
  return model;
}

// Decodes the only image of a frame.
Image decode_one(const LoadedModel& model, const Bytes& file, int layers = 0) {
  const CodeFile code(file);
  Image result;
  decode_images(model, code.frames().front(), layers, {0},
                [&](uint64_t, const Image& image) { result = image; });
  return result;
}

TEST(IntegerCodec, ModelsWithoutPositionsTakeEverySize) {
  for (const auto& [height, width] : std::vector<std::pair<int, int>>{
           {8, 8}, {1, 1}, {1, 7}, {31, 33}, {257, 3}, {1, 600}, {120, 260}}) {
    const auto images = random_levels({3, height, width}, 1);
    const auto encoded = encode(tiny_photo(), images).frame;
    const auto header = CodeFile(encoded).frames()[0].header();
    EXPECT_EQ(header.tiled(), std::max(height, width) > 256);
    // Tiles are equal, so little is padded.
    if (header.tiled()) {
      const int columns = (width + 255) / 256, rows = (height + 255) / 256;
      EXPECT_EQ(header.tiles_per_image(), static_cast<uint64_t>(columns * rows));
      EXPECT_LT(columns * static_cast<int>(header.tile_width), width + columns);
      EXPECT_LT(rows * static_cast<int>(header.tile_height), height + rows);
    }
    EXPECT_EQ(decode(tiny_photo(), encoded).pixels(), images.pixels()) << height << " " << width;
  }
}

TEST(IntegerCodec, CodesAlphaGrayAndSixteenBits) {
  for (const int channels : {1, 2, 3, 4}) {
    for (const int bits : {8, 16}) {
      const Shape shape{channels, 9, 11};
      const auto high = random_levels(shape, 1), low = random_levels(shape, 1, 2);
      Image image(shape, bits);
      const auto bytes = high.image(0).samples;
      for (size_t i = 0; i < bytes.size(); ++i) {
        image.samples[bits == 16 ? 2 * i : i] = bytes[i];
        if (bits == 16) image.samples[2 * i + 1] = low.pixels()[i];
      }
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
        auto damaged = encoded.frame;
        damaged[damaged.size() - 10] = static_cast<uint8_t>(damaged[damaged.size() - 10] ^ 1);
        EXPECT_THROW(decode_one(tiny_photo(), damaged), DamagedError);
      }
    }
  }
  EXPECT_THROW(encode(tiny_integer(), random_levels({3, 9, 9}, 1)), ShapeError);
}

// Gray images cost a model of colours nothing for the two channels that repeat the first.
TEST(IntegerCodec, GrayIsCodedOnce) {
  const auto gray = encode(tiny_photo(), random_levels({1, 16, 16}, 1));
  size_t symbols = 0;
  for (const auto& layer : gray.layers) symbols += layer.symbols;
  EXPECT_EQ(symbols, 256U);
}

TEST(IntegerCodec, NoiseCostsAtMostRawSizeAndOverhead) {
  const auto images = random_levels({1, 7, 6}, 600);
  const auto encoded = encode(tiny_integer(), images);
  EXPECT_LE(encoded.frame.size(), images.pixels().size() + 600);
  EXPECT_EQ(decode(tiny_integer(), encoded.frame).pixels(), images.pixels());
}

TEST(IntegerCodec, FilesAreAsLongAsTheModelSays) {
  const auto images = likely(500);
  const auto encoded = encode(tiny_integer(), images);
  double ideal = 0;
  for (const auto& layer : encoded.layers) {
    EXPECT_EQ(layer.plain_blocks, 0U);
    ideal += layer.ideal_bits;
  }
  EXPECT_LE(8.0 * static_cast<double>(encoded.frame.size()), 1.01 * ideal + 8 * 200);
  const auto x = to_unit(images);
  const auto terms = tiny_integer().model->measured_log_likelihood(x, {});
  const double likelihood =
      (terms.pre_transform - terms.total()).to(torch::kFloat64).sum().item<double>() /
      std::log(2.0);
  EXPECT_NEAR(ideal, likelihood, 1e-4 * ideal);
}

TEST(IntegerCodec, PrefixesDoNotDependOnTheGroupingOfImages) {
  const auto images = likely(300);
  const auto file = encode(tiny_integer(), images).frame;
  for (int layers = 1; layers <= 3; ++layers) {
    const auto all = decode(tiny_integer(), file, layers);
    const auto some = decode(tiny_integer(), file, layers, {299, 3, 257});
    for (const auto& [at, index] : std::vector<std::pair<size_t, size_t>>{{0, 299}, {1, 3}}) {
      EXPECT_EQ(some.slice(at, at + 1).pixels(), all.slice(index, index + 1).pixels());
      const auto one = encode(tiny_integer(), images.slice(index, index + 1)).frame;
      EXPECT_EQ(decode(tiny_integer(), one, layers).pixels(), all.slice(index, index + 1).pixels());
    }
    // A file cut there, or written with so few layers, is the same image.
    const auto cut = test::cut(CodeFile(file).frames()[0], layers);
    EXPECT_EQ(decode(tiny_integer(), cut).pixels(), all.pixels());
    EXPECT_EQ(encode(tiny_integer(), images, layers).frame, cut);
  }
  EXPECT_EQ(decode(tiny_integer(), file, 3).pixels(), images.pixels());
}

// oneDNN off, for the lifetime of this.
struct WithoutOneDnn {
  WithoutOneDnn() { at::globalContext().setUserEnabledMkldnn(false); }
  ~WithoutOneDnn() { at::globalContext().setUserEnabledMkldnn(true); }
};

TEST(IntegerCodec, ArithmeticsThreadsAndBatchesGiveTheSameBytesAndPixels) {
  const auto images = likely(300);
  const auto file = encode(tiny_integer(), images).frame;
  const auto coarse = decode(tiny_integer(), file, 1);
  const auto other = random_loaded_integer_pie(tiny_integer_preset());
  const auto check = [&](const std::string& what) {
    SCOPED_TRACE(what);
    EXPECT_EQ(encode(other, images).frame, file);
    EXPECT_EQ(decode(other, file).pixels(), images.pixels());
    EXPECT_EQ(decode(other, file, 1).pixels(), coarse.pixels());
  };
  const int threads = at::get_num_threads();
  for (const auto arithmetic : {Arithmetic::kInt64, Arithmetic::kFloat32, Arithmetic::kFastest}) {
    as<IntegerPie>(other).set_arithmetic(arithmetic);
    const auto name = std::to_string(static_cast<int>(arithmetic));
    for (const int t : {1, 2}) {
      at::set_num_threads(t);
      check("arithmetic " + name + ", threads " + std::to_string(t));
    }
    at::set_num_threads(threads);
    const WithoutOneDnn without;
    check("arithmetic " + name + " without oneDNN");
  }
  // In the finest scale of tiny_integer a batch of so many images.
  for (const int64_t batch : {1, 7, 256}) {
    as<IntegerPie>(other).set_batch_rows(batch * 4 * 3);
    check("batches of " + std::to_string(batch));
  }
}

// A machine that disagrees in one number of a table is told from a damaged file.
TEST(IntegerCodec, AnotherTableEntryIsDesynchronisation) {
  const auto images = likely(40);
  const auto file = encode(tiny_integer(), images).frame;
  for (const char* name : {"tables.tail", "tables.weights", "tables.rates"}) {
    auto other = random_loaded_integer_pie(tiny_integer_preset());
    auto tensors = other.model->stored_tensors();
    for (auto& [key, tensor] : tensors) tensor = tensor.clone();
    // All entries of a falling table, so that it still falls; every second one of the others.
    auto& table = tensors.at(name);
    const int64_t step = std::string(name) == "tables.tail" ? 1 : 2;
    auto changed = table.slice(0, 0, table.size(0), step);
    changed.mul_(0.97).floor_().clamp_min_(step - 1);
    other.model->restore(tensors);
    ASSERT_EQ(other.fingerprint, tiny_integer().fingerprint);
    EXPECT_THROW(decode(other, file), VerificationError) << name;
  }
}

TEST(IntegerCodec, FlippedBytesAreDamage) {
  const auto file = encode(tiny_integer(), likely(3)).frame;
  for (size_t at = 0; at < file.size(); at += 5) {
    auto flipped = file;
    flipped[at] = static_cast<uint8_t>(flipped[at] ^ 0x10);
    EXPECT_THROW(decode(tiny_integer(), flipped), Error) << at;
  }
  auto payload = file;
  payload.back() = static_cast<uint8_t>(payload.back() ^ 1);
  EXPECT_THROW(decode(tiny_integer(), payload), DamagedError);
}

TEST(IntegerCodec, OtherModelsAreRefused) {
  const auto other = random_loaded_integer_pie(tiny_integer_preset(), 9);
  EXPECT_THROW(decode(other, encode(tiny_integer(), likely(1)).frame), UnsupportedError);
  EXPECT_THROW(encode(tiny_integer(), random_levels({3, 7, 6}, 1)), ShapeError);
  EXPECT_THROW(encode(tiny_integer(), likely(1), 4), UsageError);
}

TEST(IntegerCodec, CoarseSamplesStandForZ) {
  const auto images = likely(5);
  const auto z = encode_latents(tiny_integer(), feed_of(images));
  EXPECT_EQ(coder_for(tiny_integer())->from_latents(z).pixels(),
            decode(tiny_integer(), encode(tiny_integer(), images).frame, 1).pixels());
}

}  // namespace
}  // namespace pie

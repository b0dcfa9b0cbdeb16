// Images to code files and back, with models small enough to know what must come out.
#include "lib/codec/codec.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lib/base/random.h"
#include "lib/coding/normal_table.h"
#include "lib/container/code_file.h"
#include "lib/image/quality.h"
#include "lib/model/pixels.h"
#include "tests/container/sample_files.h"
#include "tests/image/image_test_files.h"
#include "tests/support/cast.h"
#include "tests/support/jacobian.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

constexpr int kLayers = 4;  // of the tiny model: z, r_3, r_2, r_1
const std::vector<size_t> kSymbols = {4, 12, 16, 32};

// Images drawn from the model, so that its symbols are distributed as it expects.
ImageSet model_images(size_t count, uint64_t seed = 1) {
  const torch::NoGradGuard no_grad;
  const auto n = static_cast<int64_t>(count);
  const auto shape = as<FlowModel>(tiny()).latent_shape();
  const auto z =
      normal_tensor({n, shape.channels, shape.height, shape.width}, seed, torch::kFloat32) * 0.7;
  return to_images(as<FlowModel>(tiny()).decode(z, [&](size_t l, const torch::Tensor& mean) {
    const auto noise = normal_tensor(mean.sizes().vec(), seed + 1 + l, torch::kFloat32);
    return mean + noise * as<FlowModel>(tiny()).eps0();
  }));
}

// Encodes one image as an image, several as an archive.
EncodedImages encode(const ImageSet& images, uint32_t step = kDefaultStep, int layers = 0) {
  CodingOptions options;
  options.step = step;
  options.layers = layers;
  options.archive = images.size() != 1;
  return encode_images(tiny(), feed_of(images), options);
}

std::vector<uint64_t> all_of(const StoredFrame& frame) {
  std::vector<uint64_t> indices(frame.header().images);
  std::iota(indices.begin(), indices.end(), uint64_t{0});
  return indices;
}

// The decoded images of a file of one frame.
ImageSet decode(const Bytes& file, int layers = 0, std::vector<uint64_t> indices = {},
                const LoadedModel& model = tiny()) {
  const CodeFile code(file);
  const auto& frame = code.frames().front();
  if (indices.empty()) indices = all_of(frame);
  const auto& header = frame.header();
  ImageSet images({header.channels, header.height, header.width});
  size_t k = 0;
  decode_images(model, frame, layers, indices, [&](uint64_t index, const Image& image) {
    EXPECT_EQ(index, indices[k++]);
    images.append(image);
  });
  EXPECT_EQ(k, indices.size());
  return images;
}

double psnr(const ImageSet& a, const ImageSet& b) {
  Psnr result;
  result.add(a, b);
  return result.pooled_db();
}

// The symbols of image `index` in each layer.
std::vector<std::vector<int32_t>> symbols_of(const Bytes& file, size_t index) {
  const CodeFile code(file);
  const auto& frame = code.frames().front();
  const NormalSymbols table(frame.header().step);
  std::vector<std::vector<int32_t>> result;
  for (int layer = 0; layer < frame.layers(); ++layer) {
    const size_t count = kSymbols[static_cast<size_t>(layer)];
    const auto block = test::decode_block(frame, layer, index / kItemsPerBlock, count, table);
    const auto* begin = block.data() + (index % kItemsPerBlock) * count;
    result.emplace_back(begin, begin + count);
  }
  return result;
}

// An error of half a step in every latent, mapped to pixels by the inverse's Jacobian, bounds the
// error of each pixel; the square of the step is left to a factor of two, the rounding to bytes
// to 1.
TEST(Codec, AllLayersReproduceTheImageWithinTheSteps) {
  const auto images = model_images(3);
  const auto model = random_model(tiny_preset(), 1, 0.1);
  model->to(torch::kFloat64);
  const auto latents = [&](const torch::Tensor& x) {
    const auto parts = model->latents(x);
    std::vector<torch::Tensor> flat{parts.z.flatten()};
    for (const auto& r : parts.r) flat.push_back(r.flatten());
    return torch::cat(flat);
  };
  for (const uint32_t step : {4U, 32U, 256U}) {
    const double half = step / 2048.0;
    auto errors = torch::full({64}, half * model->eps0(), torch::kFloat64);
    errors.slice(0, 0, 4).fill_(half);
    const auto decoded = decode(encode(images, step).frame);
    for (size_t i = 0; i < images.size(); ++i) {
      const auto x = to_unit(images.slice(i, i + 1)).to(torch::kFloat64);
      // Closed loop: g(z) is taken from the decoded z, so errors of r do not contain those of z.
      const auto bound =
          torch::mv(torch::inverse(jacobian(latents, x)).abs(), errors) * 256 * 2 + 1;
      for (size_t k = 0; k < 64; ++k) {
        EXPECT_LE(std::abs(images.data(i)[k] - decoded.data(i)[k]),
                  bound[static_cast<int64_t>(k)].item<double>())
            << "step " << step << ", image " << i << ", pixel " << k;
      }
    }
  }
}

// Closed loop: what the decoder has instead of z moves g(z), and the residuals make up for it, so
// that each is off by half a step at the most however steep g is.
TEST(Codec, ResidualsMakeUpForTheErrorOfZ) {
  const auto loaded = random_loaded_model(tiny_preset(), 5, 0.5);
  auto& model = as<FlowModel>(loaded);
  constexpr uint32_t kStep = 512;
  const double z_step = kStep / 1024.0, r_step = z_step * model.eps0();
  // As many images as the encoder's batches hold: products round differently in other batches.
  const auto images = noise_set({1, 8, 8}, 16);
  CodingOptions options;
  options.step = kStep;
  options.archive = true;
  const auto frame = encode_images(loaded, feed_of(images), options).frame;
  const auto values = [&](size_t layer, torch::IntArrayRef shape, double step) {
    std::vector<int32_t> symbols;
    for (size_t i = 0; i < images.size(); ++i) {
      const auto of_image = symbols_of(frame, i)[layer];
      symbols.insert(symbols.end(), of_image.begin(), of_image.end());
    }
    return torch::tensor(symbols).view(shape).to(torch::kFloat32) * step;
  };
  const torch::NoGradGuard no_grad;
  const auto latents = model.latents(to_unit(images));
  std::vector<torch::Tensor> true_means(3);
  model.decode(latents.z, [&](size_t l, const torch::Tensor& mean) {
    true_means[l] = mean;
    return latents.r[l];
  });
  double largest_shift = 0;
  model.decode(values(0, latents.z.sizes(), z_step), [&](size_t l, const torch::Tensor& mean) {
    largest_shift = std::max(largest_shift, max_difference(mean, true_means[l]));
    const auto r = mean + values(3 - l, mean.sizes(), r_step);
    EXPECT_LE(max_difference(r, latents.r[l]),
              r_step / 2 + 1e-5 * (1 + latents.r[l].abs().max().item<double>()));
    return r;
  });
  EXPECT_GT(largest_shift, 2 * r_step);  // an open loop would be off by this much
}

TEST(Codec, EachLayerAddsDetail) {
  const auto images = model_images(40);
  const auto file = encode(images, 16);
  double before = 0;
  for (int layers = 1; layers <= kLayers; ++layers) {
    const double now = psnr(images, decode(file.frame, layers));
    EXPECT_GT(now, before) << layers;
    before = now;
  }
  EXPECT_GT(before, 45);
}

TEST(Codec, ZAloneIsThePseudoInverseOfItsQuantizedLatents) {
  const auto images = model_images(5);
  const auto encoded = encode(images, 64, 1);
  const auto z = encode_latents(tiny(), feed_of(images));
  const double step = 64 / 1024.0;
  const auto decoded = decode(encoded.frame);
  const auto expected = coder_for(tiny())->from_latents((z / step).round() * step);
  for (size_t i = 0; i < decoded.pixels().size(); ++i) {
    EXPECT_NEAR(decoded.pixels()[i], expected.pixels()[i], 1);  // batches of other sizes may round
  }
}

TEST(Codec, EncodingTwiceGivesTheSameBytes) {
  const auto images = model_images(70);
  const auto a = encode(images), b = encode(images);
  EXPECT_EQ(a.frame, b.frame);
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  EXPECT_EQ(encode(images).frame, a.frame);
  at::set_num_threads(before);
}

TEST(Codec, AnImageHasTheSameSymbolsAloneAndInAnArchive) {
  const auto images = model_images(test::kTwoBlocks);
  const auto archive = encode(images, 64);
  const auto decoded = decode(archive.frame);
  for (const size_t i : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, kItemsPerBlock - 1,
                         kItemsPerBlock, test::kTwoBlocks - 1}) {
    const auto alone = encode(images.slice(i, i + 1), 64);
    EXPECT_EQ(symbols_of(alone.frame, 0), symbols_of(archive.frame, i)) << i;
    EXPECT_EQ(decode(alone.frame).pixels(), decoded.slice(i, i + 1).pixels()) << i;
  }
}

TEST(Codec, SelectedImagesAreThoseOfTheWhole) {
  const auto file = encode(model_images(test::kTwoBlocks)).frame;
  const auto all = decode(file);
  const std::vector<uint64_t> wanted = {test::kTwoBlocks - 1, 5, 0, kItemsPerBlock,
                                        kItemsPerBlock - 1,   5};
  const auto some = decode(file, 0, wanted);
  ASSERT_EQ(some.size(), wanted.size());
  for (size_t k = 0; k < wanted.size(); ++k) EXPECT_EQ(some.image(k), all.image(wanted[k])) << k;
}

TEST(Codec, FewerLayersAreAPrefix) {
  const auto images = model_images(20);
  const auto full = encode(images).frame;
  const CodeFile code(full);
  for (int layers = 1; layers <= kLayers; ++layers) {
    const auto kept = encode(images, kDefaultStep, layers).frame;
    const auto cut = test::cut(code.frames().front(), layers);
    EXPECT_EQ(kept, cut) << layers;
    EXPECT_EQ(decode(kept).pixels(), decode(full, layers).pixels()) << layers;
  }
}

TEST(Codec, ImagesOfAnySizeGoInTiles) {
  for (const auto& [height, width] :
       {std::pair{31, 33}, std::pair{1, 1}, std::pair{8, 9}, std::pair{3, 40}}) {
    // A smooth picture, which a model of pixel noise 0.1 codes well at a small step.
    ImageSet images({1, height, width}, 2);
    for (size_t i = 0; i < 2; ++i) {
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
          images.data(i)[y * width + x] = static_cast<uint8_t>(
              128 + 40 * std::sin(0.2 * y + static_cast<double>(i)) + 30 * std::cos(0.15 * x));
        }
      }
    }
    const auto encoded = encode(images, 4);
    const auto decoded = decode(encoded.frame);
    EXPECT_EQ(decoded.shape(), images.shape());
    EXPECT_GT(psnr(images, decoded), 40) << height << "x" << width;
    EXPECT_EQ(decode(encoded.frame, 0, {1}).image(0), decoded.image(1));
  }
}

TEST(Codec, WrongChannelsAndOptionsAreUsageErrors) {
  const auto message = message_of<ShapeError>([] {
    encode_images(tiny(), feed_of(noise_set({3, 8, 8}, 1)), CodingOptions());
  });
  EXPECT_TRUE(contains(message, "3x8x8")) << message;
  const auto images = model_images(1);
  EXPECT_THROW(encode(images, kMaxStep + 1), UsageError);
  EXPECT_THROW(encode(images, 256, kLayers + 1), UsageError);
  EXPECT_THROW(encode(images, 256, -1), UsageError);
  EXPECT_THROW(coder_for(tiny())->from_latents(torch::zeros({2, 5})), ShapeError);
  EXPECT_THROW(coder_for(tiny())->from_latents(torch::zeros({4})), ShapeError);
}

TEST(Codec, AnotherModelIsRefused) {
  const auto file = encode(model_images(1)).frame;
  const auto other = random_loaded_model(tiny_preset(), 2, 0.1);
  const auto message = message_of<UnsupportedError>([&] { decode(file, 0, {}, other); });
  EXPECT_TRUE(contains(message, "fingerprint")) << message;
}

TEST(Codec, EveryDamagedByteIsNoticed) {
  const auto good = encode(model_images(1)).frame;
  const auto expected = decode(good).pixels();
  for (size_t i = 0; i < good.size(); ++i) {
    for (const uint8_t change : {uint8_t{1}, uint8_t{0x80}, uint8_t{0xff}}) {
      auto bytes = good;
      bytes[i] = static_cast<uint8_t>(bytes[i] ^ change);
      try {
        EXPECT_EQ(decode(bytes).pixels(), expected) << "byte " << i;
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ExitCode::kDamaged || error.code() == ExitCode::kUnsupported ||
                    error.code() == ExitCode::kVerification)
            << "byte " << i << ": " << error.what();
      }
    }
  }
}

TEST(Codec, EveryCutIsNoticedAndWholeLayersRemain) {
  const auto good = encode(model_images(1)).frame;
  for (size_t size = 0; size < good.size(); ++size) {
    const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW(decode(cut), DamagedError) << size;
  }
  const CodeFile code(good);
  for (const auto& point : breakpoints(code.frames().front())) {
    const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(point.offset));
    const CodeFile cut_code(cut);
    const int whole = cut_code.frames().front().whole_layers();
    EXPECT_EQ(decode(cut, whole).pixels(), decode(good, whole).pixels()) << point.layer;
  }
}

TEST(Codec, RateIsThatOfTheModel) {
  const auto images = model_images(test::kTwoBlocks);
  for (const uint32_t step : {64U, 256U, 1024U}) {
    const auto encoded = encode(images, step);
    const CodeFile code(encoded.frame);
    const NormalSymbols table(step);
    uint64_t payload = 0;
    double ideal = 0;
    ASSERT_EQ(encoded.layers.size(), static_cast<size_t>(kLayers));
    for (size_t layer = 0; layer < encoded.layers.size(); ++layer) {
      const auto& report = encoded.layers[layer];
      EXPECT_EQ(report.symbols, test::kTwoBlocks * kSymbols[layer]);
      EXPECT_EQ(report.payload_bytes, code.frames().front().layer_bytes(static_cast<int>(layer)));
      // Two blocks a layer, each of which ends in at most four bytes of coder state.
      EXPECT_LE(8.0 * static_cast<double>(report.payload_bytes), 1.01 * report.ideal_bits + 2 * 32)
          << report.name;
      payload += report.payload_bytes;
      ideal += report.ideal_bits;
    }
    EXPECT_EQ(payload, code.frames().front().payload_bytes());
    // The report's ideal bits are those of the symbols in the file.
    double sum = 0;
    for (size_t i = 0; i < images.size(); ++i) {
      for (const auto& layer : symbols_of(encoded.frame, i)) {
        for (const int32_t k : layer) sum += table.ideal_bits(k);
      }
    }
    EXPECT_NEAR(sum, ideal, 1e-6 * ideal);
    EXPECT_LE(encoded.frame.size() - payload, 300u);
  }
}

TEST(Codec, SingleImagesHaveLittleOverhead) {
  for (int layers = 1; layers <= kLayers; ++layers) {
    const auto encoded = encode(model_images(1), kDefaultStep, layers);
    const CodeFile code(encoded.frame);
    EXPECT_LE(code.frames().front().overhead_bytes(), 32u + 6u * static_cast<unsigned>(layers - 1));
  }
}

}  // namespace
}  // namespace pie

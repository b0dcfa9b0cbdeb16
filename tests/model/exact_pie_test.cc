// The exact PIE takes images apart and puts them together, and its probabilities are exact.
#include "lib/model/exact_pie.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "lib/model/pixels.h"
#include "tests/image/image_test_files.h"
#include "tests/support/cast.h"
#include "tests/support/tiny_exact.h"

namespace pie {
namespace {

const std::vector<Shape> kShapes = {{1, 8, 8}, {1, 7, 6}, {3, 3, 4}, {1, 1, 7},
                                    {3, 1, 1}, {2, 5, 1}, {4, 5, 9}};

std::shared_ptr<ExactPie> model_for(const Shape& shape, bool photo = false, uint64_t seed = 1) {
  Json preset = tiny_exact_preset(shape.channels, shape.height, shape.width);
  preset["position"] = !photo;
  preset["relative_means"] = photo;
  return random_exact_pie(preset, seed);
}

// As in the preset.
std::vector<ExactPlane> planes_of(const Shape& shape) {
  return exact_planes({shape.channels, 3, 2}, shape.height, shape.width);
}

// Noise, as generate() returns it.
torch::Tensor levels_for(const Shape& shape, size_t count, uint64_t seed = 1) {
  return to_levels(noise_set(shape, count, seed)).to(torch::kUInt8);
}

// The indices of all planes of images with these planes.
std::vector<torch::Tensor> indices_of(ExactPie& model, int64_t n, const Shape& shape,
                                      const std::vector<Bytes>& planes) {
  std::vector<torch::Tensor> all;
  model.generate(n, shape.height, shape.width, [&](size_t plane, const torch::Tensor& indices) {
    EXPECT_EQ(plane, all.size());
    all.push_back(indices.clone());
    return planes.at(plane);
  });
  return all;
}

TEST(ExactPies, GenerateIsTheInverseOfSplit) {
  for (const auto& shape : kShapes) {
    for (const bool photo : {false, true}) {
      const auto model = model_for(shape, photo);
      const auto levels = levels_for(shape, 3);
      const auto planes = model->split(levels);
      const auto all = planes_of(shape);
      ASSERT_EQ(planes.size(), all.size());
      const auto again = model->generate(
          3, shape.height, shape.width, [&](size_t plane, const torch::Tensor& indices) {
            EXPECT_EQ(indices.size(0), 3 * all[plane].samples());
            EXPECT_EQ(planes[plane].size(), static_cast<size_t>(3 * all[plane].samples()));
            EXPECT_EQ(indices.size(1), 3 * model->components());
            const auto within = [&](int64_t kind, const GridRange& range) {
              const auto own = indices.narrow(1, kind * model->components(), model->components());
              return own.min().item<int16_t>() >= range.low &&
                     own.max().item<int16_t>() <= range.high;
            };
            EXPECT_TRUE(within(0, kWeightIndices) && within(1, kMeanIndices) &&
                        within(2, kScaleIndices));
            return planes[plane];
          });
      EXPECT_TRUE(torch::equal(again, levels)) << to_string(shape);
    }
  }
}

// Of an image whose levels all differ.
TEST(ExactPies, PlanesHoldEverySampleOnce) {
  const Shape shape{3, 5, 7};
  const auto levels = torch::arange(shape.elements()).to(torch::kUInt8).view({1, 3, 5, 7});
  std::vector<int> seen(static_cast<size_t>(shape.elements()));
  for (const auto& plane : model_for(shape)->split(levels)) {
    for (const auto level : plane) ++seen.at(level);
  }
  EXPECT_EQ(seen, std::vector<int>(seen.size(), 1));
}

// A 3x3 image by hand: z is the corner sample of the corner samples.
TEST(ExactPies, PhasesComeDiagonalFirst) {
  const auto levels = torch::arange(9).to(torch::kUInt8).view({1, 1, 3, 3});
  EXPECT_EQ(model_for({1, 3, 3})->split(levels),
            (std::vector<Bytes>{{0}, {8}, {2}, {6}, {4}, {1, 7}, {3, 5}}));
}

// What the decoder does not know yet must not matter.
TEST(ExactPies, ParametersDependOnEarlierPlanesOnly) {
  const Shape shape{3, 5, 6};
  for (const bool photo : {false, true}) {
    const auto model = model_for(shape, photo);
    const auto a = model->split(levels_for(shape, 2, 1)), b = model->split(levels_for(shape, 2, 9));
    const auto of_a = indices_of(*model, 2, shape, a), of_b = indices_of(*model, 2, shape, b);
    // Of the first plane nothing is known.
    EXPECT_TRUE(torch::equal(of_b[0], of_a[0]));
    size_t differ = 0;
    for (size_t k = 0; k < a.size(); ++k) {
      auto mixed = a;
      for (size_t later = k; later < a.size(); ++later) mixed[later] = b[later];
      EXPECT_TRUE(torch::equal(indices_of(*model, 2, shape, mixed)[k], of_a[k])) << "plane " << k;
      differ += torch::equal(of_b[k], of_a[k]) ? 0 : 1;
    }
    EXPECT_GT(2 * differ, a.size());
  }
}

TEST(ExactPies, ImagesOfABatchDoNotSeeEachOther) {
  for (const auto& shape : kShapes) {
    const auto model = model_for(shape, shape.channels == 3);
    const auto levels = levels_for(shape, 5);
    const auto all = indices_of(*model, 5, shape, model->split(levels));
    const auto one = indices_of(*model, 1, shape, model->split(levels.narrow(0, 3, 1)));
    for (size_t k = 0; k < all.size(); ++k) {
      EXPECT_TRUE(torch::equal(all[k].view({5, -1})[3], one[k].view({-1})))
          << to_string(shape) << ", plane " << k;
    }
  }
}

// Without positions, an image is coded alike whatever the shape that the model was trained on.
TEST(ExactPies, TakeImagesOfAnySize) {
  const auto small = random_exact_pie(tiny_photo_preset(8, 8)),
             large = random_exact_pie(tiny_photo_preset(16, 12));
  EXPECT_TRUE(small->any_size());
  EXPECT_FALSE(model_for({1, 7, 6})->any_size());
  for (const Shape shape : {Shape{3, 11, 5}, Shape{3, 1, 1}, Shape{3, 1, 20}}) {
    const auto planes = small->split(levels_for(shape, 2));
    const auto a = indices_of(*small, 2, shape, planes), b = indices_of(*large, 2, shape, planes);
    for (size_t k = 0; k < planes.size(); ++k) EXPECT_TRUE(torch::equal(a[k], b[k])) << k;
  }
}

// The probabilities of all levels of a sample, whatever came before, sum to 1.
TEST(ExactPies, ProbabilitiesSumToOne) {
  Json preset = tiny_exact_preset(1, 2, 1);
  preset.update({{"depth", 1}, {"layers", 1}});
  preset["networks"].erase(1);
  const auto model = random_exact_pie(preset, 2);
  const auto every_level = ((torch::arange(256) + 0.5) / 256).to(torch::kFloat32);
  // Logarithms of about 16 in float32 are off by 10^-6, and so are probabilities, relatively.
  const auto sum = [](const torch::Tensor& nats) {
    return nats.to(torch::kFloat64).exp().sum().item<double>();
  };
  const auto x = torch::full({256, 1, 2, 1}, 0.5);
  x.select(2, 0).copy_(every_level.view({256, 1, 1}));
  EXPECT_NEAR(sum(model->measured_log_likelihood(x, {}).z), 1, 1e-5);
  x.select(2, 1).copy_(every_level.view({256, 1, 1}));
  for (const double first : {0.0, 100.0, 255.0}) {
    x.select(2, 0).fill_((first + 0.5) / 256);
    EXPECT_NEAR(sum(model->measured_log_likelihood(x, {}).r[0]), 1, 1e-5);
  }
}

// Training minimises what is measured afterwards: tables and whole frequencies cost less than 0.01
// bits a sample as long as samples are not too unlikely, which those of smooth images are not.
TEST(ExactPies, TrainingsLikelihoodIsCloseToTheExactOne) {
  const auto ramp =
      96 + torch::arange(64).view({1, 1, 8, 8}) + 10 * torch::arange(3).view({1, 3, 1, 1});
  const auto noise = uniform_tensor({10, 3, 8, 8}, 0, 8, 1).floor();
  const auto x = ((ramp + noise + 0.5) / 256).to(torch::kFloat32);
  for (const bool photo : {false, true}) {
    Json preset = tiny_exact_preset(3, 8, 8);
    preset["relative_means"] = photo;
    const auto model = random_exact_pie(preset, 1, 0.02);
    const auto trained = model->log_likelihood(x), exact = model->measured_log_likelihood(x, {});
    ASSERT_EQ(trained.r.size(), 2U);
    ASSERT_EQ(exact.r.size(), 2U);
    const auto apart = [](const torch::Tensor& a, const torch::Tensor& b, int64_t samples) {
      return (a - b).sum().item<double>() / std::log(2.0) / static_cast<double>(10 * samples);
    };
    // r_1, the finest, has three quarters of the samples.
    EXPECT_NEAR(apart(trained.r[0], exact.r[0], 3 * 48), 0, 0.01);
    EXPECT_NEAR(apart(trained.r[1], exact.r[1], 3 * 12), 0, 0.01);
    EXPECT_NEAR(apart(trained.z, exact.z, 3 * 4), 0, 0.01);
    for (const auto& terms : {trained, exact}) {
      EXPECT_NEAR(terms.pre_transform[0].item<double>(), 3 * 64 * std::log(256.0), 1e-3);
      // No sample is certain, nor less likely than the least frequency.
      const auto nats = terms.total() - terms.pre_transform;
      EXPECT_LT(nats.max().item<double>(), 0);
      EXPECT_GT(nats.min().item<double>(), -3 * 64 * 24 * std::log(2.0));
    }
  }
}

TEST(ExactPies, LikelihoodsAreOfTheModelsShape) {
  const auto model = model_for({3, 8, 8});
  EXPECT_THROW(model->log_likelihood(torch::zeros({1, 3, 8, 9})), ShapeError);
  EXPECT_THROW(model->measured_log_likelihood(torch::zeros({1, 1, 8, 8}), {}), ShapeError);
}

// z is every 2^layers-th row and column of all channels, each in its place, whether the rest is
// filled in by networks or interpolated.
TEST(ExactPies, ReconstructionsKeepZ) {
  for (const Shape shape : {Shape{1, 7, 6}, Shape{3, 11, 9}, Shape{4, 5, 4}, Shape{3, 1, 1}}) {
    for (const int64_t layers : {0, 1, 2, 3}) {
      Json preset = tiny_exact_preset(shape.channels, shape.height, shape.width);
      preset["layers"] = layers;
      preset["position"] = layers % 2 == 0;
      const auto model = random_exact_pie(preset);
      EXPECT_EQ(model->residuals(), static_cast<size_t>(layers));
      const auto x = to_unit(noise_set(shape, 2));
      const auto y = model->reconstruct(x);
      ASSERT_EQ(y.sizes(), x.sizes());
      const auto coarse = [&](const torch::Tensor& t) {
        const int64_t step = int64_t{1} << layers;
        return t.slice(2, 0, shape.height, step).slice(3, 0, shape.width, step);
      };
      EXPECT_TRUE(torch::equal(coarse(y), coarse(x))) << to_string(shape) << " " << layers;
      EXPECT_TRUE(y.gt(0).all().item<bool>() && y.lt(1).all().item<bool>());
      EXPECT_EQ(torch::equal(y, x), layers == 0 || shape.pixels() == 1) << to_string(shape);
    }
  }
}

// The median's own slots are those in the middle.
TEST(ExactPies, MediansAreInTheMiddle) {
  const Shape shape{1, 7, 6};
  const auto model = model_for(shape);
  for (const auto& indices : indices_of(*model, 4, shape, model->split(levels_for(shape, 4)))) {
    const auto found =
        model->mixture().medians(indices.data_ptr<MixtureIndex>(), model->components(),
                                 static_cast<size_t>(indices.size(0)));
    ASSERT_EQ(found.size(), static_cast<size_t>(indices.size(0)));
    std::vector<LogisticMixture::Interval> own(found.size());
    model->mixture().intervals(found.data(), indices.data_ptr<MixtureIndex>(), model->components(),
                               own.size(), own.data());
    constexpr uint32_t kHalf = 1U << (LogisticMixture::kTotalBits - 1);
    for (const auto& interval : own) {
      EXPECT_LT(interval.start, kHalf);
      EXPECT_GE(interval.start + interval.freq, kHalf);
    }
  }
}

TEST(ExactPies, EveryParameterHasAGradient) {
  for (const bool photo : {false, true}) {
    Json preset = tiny_exact_preset(3, 8, 8);
    preset["relative_means"] = photo;
    const auto model = std::dynamic_pointer_cast<ExactPie>(make_model(preset));
    model->log_likelihood(to_unit(noise_set({3, 8, 8}, 50))).total().sum().backward();
    for (const auto& item : model->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      EXPECT_TRUE(all_finite(item.value().grad())) << item.key();
      // Nothing is known of z's first channel, so that its weights have nothing to weigh.
      if (item.key() == "z.phase0_channel0_out.weight") continue;
      EXPECT_GT(item.value().grad().abs().max().item<double>(), 0) << item.key();
    }
  }
}

TEST(ExactPies, StoredTensorsRestoreThem) {
  const Shape shape{3, 8, 8};
  const auto model = model_for(shape, true, 1), other = model_for(shape, true, 2);
  const auto planes = model->split(levels_for(shape, 2));
  const auto expected = indices_of(*model, 2, shape, planes);
  EXPECT_FALSE(torch::equal(indices_of(*other, 2, shape, planes).back(), expected.back()));
  other->restore(model->stored_tensors());
  const auto restored = indices_of(*other, 2, shape, planes);
  for (size_t k = 0; k < expected.size(); ++k) EXPECT_TRUE(torch::equal(restored[k], expected[k]));
  EXPECT_EQ(other->mixture().tables().tail, model->mixture().tables().tail);
  auto tensors = model->stored_tensors();
  for (const char* table : {"tables.weights", "tables.rates", "tables.tail"}) {
    auto wrong = tensors;
    wrong.at(table) = tensors.at(table) + 0.5;
    EXPECT_THROW(other->restore(wrong), DamagedError) << table;
  }
}

TEST(ExactPies, ModelFilesKeepEveryIntegerAndRefuseOthers) {
  const auto preset = tiny_photo_preset();
  const auto model = random_exact_pie(preset);
  EXPECT_EQ(model->certify(), 1);
  const auto bytes = serialize_model(*model, preset, Json::object(), Json::object());
  const auto loaded = parse_model(bytes, "x");
  EXPECT_EQ(serialize_model(*loaded.model, preset, loaded.training, loaded.measured), bytes);
  EXPECT_NO_THROW(as<ExactPie>(loaded));
  {
    // A weight between two fixed-point numbers.
    torch::NoGradGuard no_grad;
    model->parameters()[0].view(-1)[0].add_(1.0 / 1024);
  }
  EXPECT_THROW(parse_model(serialize_model(*model, preset, Json::object(), Json::object()), "x"),
               DamagedError);
}

TEST(ExactPieConfigs, AreRead) {
  const auto config = parse_exact_pie_config(tiny_photo_preset(9, 10));
  EXPECT_EQ(config.input, (Shape{3, 9, 10}));
  EXPECT_EQ(config.components, 3);
  EXPECT_EQ(config.prior, 4);
  EXPECT_FALSE(config.view.position);
  EXPECT_TRUE(config.view.relative_means);
  EXPECT_EQ(config.view.layout.channels, 3);
  EXPECT_EQ(config.view.layout.depth, 3);
  EXPECT_EQ(config.view.layout.layers, 2);
  ASSERT_EQ(config.networks.size(), 2U);
  EXPECT_EQ(config.networks[0].first_blocks, 1);
  EXPECT_EQ(config.networks[1].hidden, 5);
  EXPECT_EQ(config.networks[1].phase_blocks, 1);
}

std::string error_of(const Json& preset) {
  return message_of<UsageError>([&] { make_model(preset); });
}

TEST(ExactPieConfigs, WrongValuesAreNamed) {
  for (const auto& [assignment, key] : std::vector<std::pair<std::string, std::string>>{
           {"input.channels=5", "input.channels"},
           {"input.height=0", "input.height"},
           {"input=7", "input"},
           {"components=0", "components"},
           {"components=17", "components"},
           {"position=1", "position"},
           {"relative_means=yes", "relative_means"},
           {"depth=0", "depth"},
           {"depth=17", "depth"},
           {"depth=1.5", "depth"},
           {"layers=-1", "layers"},
           {"layers=4", "layers"},  // more than there are scales
           {"activation_bits=0", "activation_bits"},
           {"activation_bits=6", "activation_bits"},
           {"mean_bits=-1", "mean_bits"},
           {"mean_bits=8", "mean_bits"},
           {"prior=0", "prior"},
           {"prior=1025", "prior"},
           {"networks=[]", "networks"},
           {"networks=7", "networks"},
           {"networks.0=7", "networks.0"},
           {"networks.1.hidden=0", "networks.1.hidden"},
           {"networks.0.hidden=1025", "networks.0.hidden"},
           {"networks.0.first_blocks=65", "networks.0.first_blocks"},
           {"networks.1.phase_blocks=-1", "networks.1.phase_blocks"},
           {"networks.1.phase_blocks=many", "networks.1.phase_blocks"}}) {
    Json preset = tiny_exact_preset();
    set_value(preset, assignment);
    const auto message = error_of(preset);
    EXPECT_TRUE(contains(message, key)) << assignment << ": " << message;
  }
  Json preset = tiny_exact_preset();
  preset.update({{"depth", 1}, {"layers", 1}});  // and two networks
  EXPECT_TRUE(contains(error_of(preset), "'networks'")) << error_of(preset);
}

TEST(ExactPieConfigs, MissingAndUnknownKeysAreNamed) {
  for (const std::string key : {"input", "components", "position", "relative_means", "depth",
                                "layers", "prior", "networks"}) {
    Json preset = tiny_exact_preset();
    preset.erase(key);
    EXPECT_TRUE(contains(error_of(preset), "'" + key + "' is missing")) << error_of(preset);
  }
  for (const std::string key : {"hidden", "first_blocks", "phase_blocks"}) {
    Json preset = tiny_exact_preset();
    preset["networks"][1].erase(key);
    EXPECT_TRUE(contains(error_of(preset), "'networks.1." + key + "' is missing"));
  }
  Json preset = tiny_exact_preset();
  preset["colour"] = 1;
  EXPECT_TRUE(contains(error_of(preset), "'colour'"));
  preset = tiny_exact_preset();
  preset["networks"][0]["kernel"] = 3;
  EXPECT_TRUE(contains(error_of(preset), "'networks.0.kernel'"));
}

}  // namespace
}  // namespace pie

// The integer PIE takes images apart and puts them together, and its probabilities are exact.
#include "lib/model/integer_pie.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/model/pixels.h"
#include "tests/support/cast.h"
#include "tests/support/tiny_integer.h"

namespace pie {
namespace {

const std::vector<Shape> kShapes = {{1, 8, 8}, {1, 7, 6}, {1, 5, 9},
                                    {3, 3, 4}, {1, 1, 7}, {2, 4, 1}};

std::shared_ptr<IntegerPie> model_for(Shape shape, uint64_t seed = 1) {
  return random_integer_pie(tiny_integer_preset(shape.channels, shape.height, shape.width), seed);
}

torch::Tensor levels_for(Shape shape, size_t count, uint64_t seed = 1) {
  return to_levels(random_levels(shape, count, seed));
}

TEST(IntegerPies, GenerateIsTheInverseOfSplit) {
  for (const auto& shape : kShapes) {
    const auto model = model_for(shape);
    const auto levels = levels_for(shape, 3);
    const auto planes = model->split(levels);
    const auto all = model->planes(shape.height, shape.width);
    ASSERT_EQ(planes.size(), all.size());
    int64_t samples = 0;
    const auto again = model->generate(3, shape.height, shape.width,
                                       [&](size_t plane, const torch::Tensor& indices) {
                                         EXPECT_EQ(indices.size(0), 3 * all[plane].samples());
                                         samples += all[plane].samples();
                                         return planes[plane];
                                       });
    EXPECT_TRUE(torch::equal(again, levels)) << to_string(shape);
    EXPECT_EQ(samples, shape.elements());
  }
}

// A 3x3 image by hand: z is the corner sample of the corner samples.
TEST(IntegerPies, PhasesComeDiagonalFirst) {
  const auto model = model_for({1, 3, 3});
  const auto levels = torch::arange(9).to(torch::kFloat32).view({1, 1, 3, 3});
  std::vector<std::vector<float>> planes;
  for (const auto& plane : model->split(levels)) {
    const auto flat = plane.contiguous();
    planes.emplace_back(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  }
  EXPECT_EQ(planes, (std::vector<std::vector<float>>{{0}, {8}, {2}, {6}, {4}, {1, 7}, {3, 5}}));
  std::vector<size_t> layers;
  for (const auto& plane : model->planes(3, 3)) layers.push_back(plane.layer);
  EXPECT_EQ(layers, (std::vector<size_t>{0, 1, 1, 1, 2, 2, 2}));
}

// What the decoder does not know yet must not matter.
TEST(IntegerPies, ParametersDependOnEarlierPlanesOnly) {
  const Shape shape{2, 5, 6};
  const auto model = model_for(shape);
  const auto a = model->split(levels_for(shape, 2, 1)), b = model->split(levels_for(shape, 2, 2));
  const auto indices_of = [&](const std::vector<torch::Tensor>& planes) {
    std::vector<torch::Tensor> all;
    model->generate(2, shape.height, shape.width, [&](size_t plane, const torch::Tensor& indices) {
      all.push_back(indices);
      return planes[plane];
    });
    return all;
  };
  const auto of_a = indices_of(a), of_b = indices_of(b);
  bool some_differ = false;
  for (size_t k = 0; k < a.size(); ++k) {
    auto mixed = a;
    for (size_t later = k; later < a.size(); ++later) mixed[later] = b[later];
    EXPECT_TRUE(torch::equal(indices_of(mixed)[k], of_a[k])) << "plane " << k;
    some_differ = some_differ || !torch::equal(of_b[k], of_a[k]);
  }
  EXPECT_TRUE(some_differ);
}

TEST(IntegerPies, ArithmeticsAndBatchesAgree) {
  for (const auto& shape : kShapes) {
    auto preset = tiny_integer_preset(shape.channels, shape.height, shape.width);
    preset["relative_means"] = shape.channels == 3;
    const auto model = random_integer_pie(preset, 3);
    const auto planes = model->split(levels_for(shape, 20));
    const auto indices_of = [&](int64_t first, int64_t count) {
      std::vector<torch::Tensor> all;
      model->generate(count, shape.height, shape.width,
                      [&](size_t plane, const torch::Tensor& indices) {
                        all.push_back(indices.view({count, -1}));
                        return planes[plane].view({20, -1}).narrow(0, first, count).reshape({-1});
                      });
      return all;
    };
    const auto fast = indices_of(0, 20);
    const auto one = indices_of(13, 1);
    model->set_arithmetic(Arithmetic::kInt64);
    const auto exact = indices_of(0, 20);
    model->set_arithmetic(Arithmetic::kFloat32);
    const auto plain = indices_of(0, 20);
    for (size_t k = 0; k < fast.size(); ++k) {
      EXPECT_TRUE(torch::equal(fast[k], exact[k])) << to_string(shape) << ", plane " << k;
      EXPECT_TRUE(torch::equal(plain[k], exact[k])) << to_string(shape) << ", plane " << k;
      EXPECT_TRUE(torch::equal(fast[k][13], one[k][0])) << to_string(shape) << ", plane " << k;
    }
  }
}

// Summed over all images of two samples, the probabilities are 1: one draw of the first, all of the
// second; and all of the first.
TEST(IntegerPies, ProbabilitiesSumToOne) {
  auto preset = tiny_integer_preset(1, 2, 1);
  preset["scales"].erase(1);
  preset["layers"] = 1;
  const auto model = random_integer_pie(preset, 2);
  const auto x = torch::empty({256, 1, 2, 1});
  double total = 0;
  for (int first = 0; first < 256; ++first) {
    x.select(2, 0).fill_((first + 0.5) / 256);
    x.select(2, 1).copy_(((torch::arange(256) + 0.5) / 256).view({256, 1, 1}));
    const auto terms = model->measured_log_likelihood(x, {});
    EXPECT_NEAR(terms.r[0].to(torch::kFloat64).exp().sum().item<double>(), 1, 1e-4);
    total += terms.z[0].exp().item<double>();
  }
  EXPECT_NEAR(total, 1, 1e-4);
}

// Training minimises what is measured afterwards.
TEST(IntegerPies, TrainingsLikelihoodIsCloseToTheExactOne) {
  const Shape shape{3, 8, 8};
  for (const bool relative : {false, true}) {
    auto preset = tiny_integer_preset(3, 8, 8);
    preset["relative_means"] = relative;
    const auto model = random_integer_pie(preset);
    const auto x = (levels_for(shape, 10) + 0.5) / 256;
    const auto trained = model->log_likelihood(x), exact = model->measured_log_likelihood(x, {});
    const double dims = 10 * 3 * 64 * std::log(2.0);
    for (size_t l = 0; l < 2; ++l) {
      EXPECT_NEAR((trained.r[l] - exact.r[l]).sum().item<double>() / dims, 0, 0.01);
    }
    EXPECT_NEAR((trained.z - exact.z).sum().item<double>() / dims, 0, 0.01);
    EXPECT_NEAR(exact.pre_transform[0].item<double>(), 3 * 64 * std::log(256.0), 1e-3);
  }
}

// Without positions, an image is coded alike whatever the shape that the model was trained on.
TEST(IntegerPies, TakesImagesOfAnySize) {
  auto preset = tiny_integer_preset(3, 8, 8);
  preset["position"] = false;
  const auto small = random_integer_pie(preset);
  EXPECT_TRUE(small->any_size());
  preset["input"] = {{"channels", 3}, {"height", 16}, {"width", 12}};
  const auto large = random_integer_pie(preset);
  const Shape shape{3, 11, 5};
  const auto planes = small->split(levels_for(shape, 2));
  const auto indices_of = [&](IntegerPie& model) {
    std::vector<torch::Tensor> all;
    const auto levels = model.generate(2, 11, 5, [&](size_t plane, const torch::Tensor& indices) {
      all.push_back(indices);
      return planes[plane];
    });
    EXPECT_TRUE(torch::equal(levels, levels_for(shape, 2)));
    return all;
  };
  const auto a = indices_of(*small), b = indices_of(*large);
  for (size_t k = 0; k < planes.size(); ++k) EXPECT_TRUE(torch::equal(a[k], b[k])) << k;
}

TEST(IntegerPies, EveryParameterHasAGradient) {
  const Shape shape{3, 8, 8};
  const auto model =
      std::dynamic_pointer_cast<IntegerPie>(make_model(tiny_integer_preset(3, 8, 8)));
  const auto x = (levels_for(shape, 50) + 0.5) / 256;
  model->log_likelihood(x).total().sum().backward();
  for (const auto& item : model->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_TRUE(all_finite(item.value().grad())) << item.key();
    EXPECT_GT(item.value().grad().abs().max().item<double>(), 0) << item.key();
  }
}

TEST(IntegerPies, ModelFilesKeepEveryIntegerAndRefuseOthers) {
  const auto preset = tiny_integer_preset();
  const auto model = random_integer_pie(preset);
  const auto bytes = serialize_model(*model, preset, Json::object(), Json::object());
  const auto loaded = parse_model(bytes, "x");
  EXPECT_EQ(serialize_model(*loaded.model, preset, loaded.training, loaded.measured), bytes);
  EXPECT_NO_THROW(as<IntegerPie>(loaded));
  {
    // A weight between two fixed-point numbers.
    torch::NoGradGuard no_grad;
    model->parameters()[0].view(-1)[0].add_(1.0 / 1024);
  }
  EXPECT_THROW(parse_model(serialize_model(*model, preset, Json::object(), Json::object()), "x"),
               DamagedError);
}

}  // namespace
}  // namespace pie

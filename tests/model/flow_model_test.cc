// The model's likelihood and inverse against brute force, in float64.
#include "lib/model/flow_model.h"

#include <cmath>

#include "lib/flow/act_norm.h"
#include "lib/model/model_store.h"
#include "tests/image/image_test_files.h"
#include "tests/support/jacobian.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

// A model of 16 pixels in float64.
std::shared_ptr<FlowModel> tiny_double(Json preset, uint64_t seed = 1) {
  auto model = random_model(preset, seed);
  model->to(torch::kFloat64);
  return model;
}

torch::Tensor pixels(int64_t count, int64_t side, uint64_t seed) {
  return uniform_tensor({count, 1, side, side}, 0.02, 0.98, seed);
}

// [z, e_L, ..., e_1] of a batch, e_l = (r_l - g_l(z_l)) / eps0: under the model these are
// independent standard normals.
torch::Tensor whitened(FlowModel& model, const torch::Tensor& x) {
  const auto latents = model.latents(x);
  std::vector<torch::Tensor> parts{latents.z.flatten(1)};
  model.decode(latents.z, [&](size_t l, const torch::Tensor& mean) {
    parts.push_back(((latents.r[l] - mean) / model.eps0()).flatten(1));
    return latents.r[l];
  });
  return torch::cat(parts, 1);
}

void expect_likelihood_is_brute_force(const Json& preset) {
  const auto model = tiny_double(preset);
  const auto x = pixels(3, 4, 2);
  const auto terms = model->log_likelihood(x);
  const auto total = terms.total();
  for (int64_t n = 0; n < x.size(0); ++n) {
    const auto one = x.narrow(0, n, 1);
    const auto latent = whitened(*model, one);
    ASSERT_EQ(latent.numel(), x[n].numel());
    const auto slope = jacobian([&](const auto& v) { return whitened(*model, v); }, one);
    const double expected = -0.5 * latent.square().sum().item<double>() -
                            0.5 * static_cast<double>(latent.numel()) * std::log(2 * M_PI) +
                            log_abs_det(slope);
    EXPECT_NEAR(total[n].item<double>(), expected, 1e-9 * (1 + std::abs(expected)));
  }
}

TEST(FlowModels, LikelihoodOfMultiScaleRealNvp) {
  Json preset = tiny_preset(4, 2);
  preset["residual_mean"] = "zero";
  preset["eps0_squared"] = 1.0;
  expect_likelihood_is_brute_force(preset);
}

TEST(FlowModels, LikelihoodOfPie) { expect_likelihood_is_brute_force(tiny_preset(4, 2)); }

TEST(FlowModels, LikelihoodWithLogit) {
  Json preset = tiny_preset(4, 2);
  preset["pre_transform"] = {{"kind", "logit"}, {"alpha", 0.05}};
  expect_likelihood_is_brute_force(preset);
}

// Glow's layers, and NICE's: permutations, additive couplings and a scaling at the end.
TEST(FlowModels, LikelihoodOfTheBaselines) {
  Json preset = tiny_preset(4, 2);
  preset["conv"]["mixing"] = "lu";
  preset["conv"].erase("reflections");
  expect_likelihood_is_brute_force(preset);
  preset["conv"]["mixing"] = "reversal";
  preset["linear"]["mixing"] = "reversal";
  preset["linear"]["final_act_norm"] = true;
  expect_likelihood_is_brute_force(preset);
  preset["blocks"] = {{{"kind", "linear"}, {"keep", 16}}};
  expect_likelihood_is_brute_force(preset);
}

TEST(FlowModels, AHeadClassifiesLatents) {
  Json preset = tiny_preset();
  EXPECT_EQ(random_model(preset)->classes(), 0);
  preset["classes"] = 3;
  const auto model = random_model(preset);
  EXPECT_EQ(model->logits(pixels(2, 8, 1).to(torch::kFloat32)).sizes(), torch::IntArrayRef({2, 3}));
}

TEST(FlowModels, PartsSumToTheTotal) {
  const auto model = tiny_double(tiny_preset());
  const auto terms = model->log_likelihood(pixels(4, 8, 3));
  auto sum = terms.z + terms.log_det + terms.pre_transform;
  ASSERT_EQ(terms.r.size(), 3u);
  for (const auto& r : terms.r) sum += r;
  expect_close(terms.total(), sum, 1e-10);
}

TEST(FlowModels, ZeroMeanHasNoNetworkInTheSplits) {
  Json preset = tiny_preset();
  preset["residual_mean"] = "zero";
  for (const auto& item : random_model(preset)->named_parameters()) {
    EXPECT_FALSE(contains(item.key(), "split")) << item.key();
  }
}

TEST(FlowModels, TrueResidualsGiveTheImageBack) {
  for (const auto& mean : {"network", "zero"}) {
    Json preset = tiny_preset();
    preset["residual_mean"] = mean;
    const auto model = tiny_double(preset);
    const auto x = pixels(3, 8, 4);
    const auto latents = model->latents(x);
    const auto decoded =
        model->decode(latents.z, [&](size_t l, const torch::Tensor&) { return latents.r[l]; });
    expect_close(decoded, x, 1e-10);
  }
}

TEST(FlowModels, DecodingFromZFillsInTheMeanAtEveryLevel) {
  const auto model = tiny_double(tiny_preset());
  const auto z = normal_tensor({3, 4, 1, 1}, 5);
  const auto x = model->decode(z);
  // On its own reconstructions the pseudo-inverse is an inverse: G(G^-1(z)) = z with r_l =
  // g_l(z_l).
  const auto latents = model->latents(x);
  expect_close(latents.z, z, 1e-10);
  std::vector<size_t> order;
  model->decode(latents.z, [&](size_t l, const torch::Tensor& mean) {
    order.push_back(l);
    EXPECT_GT(mean.abs().max().item<double>(), 1e-3);
    expect_close(latents.r[l], mean, 1e-10);
    return latents.r[l];
  });
  EXPECT_EQ(order, (std::vector<size_t>{2, 1, 0}));  // coarse to fine
}

TEST(FlowModels, LatentsDoNotDependOnTheBatch) {
  const auto model = tiny_double(tiny_preset());
  const auto x = pixels(5, 8, 6);
  const auto all = model->latents(x), one = model->latents(x.narrow(0, 3, 1));
  expect_close(one.z[0], all.z[3], 1e-12);
  for (size_t l = 0; l < all.r.size(); ++l) expect_close(one.r[l][0], all.r[l][3], 1e-12);
}

TEST(FlowModels, SizesOfThePapersModel) {
  const auto built = make_model(find_preset("pie-mnist"));
  const auto& model = dynamic_cast<const FlowModel&>(*built);
  EXPECT_EQ(model.latent_shape(), (Shape{10, 1, 1}));
  std::vector<int64_t> residuals;
  for (const auto& shape : model.residual_shapes()) residuals.push_back(shape.elements());
  EXPECT_EQ(residuals, (std::vector<int64_t>{392, 196, 132, 54}));
}

TEST(FlowModels, SizesThatDoNotFitAreNamed) {
  Json preset = tiny_preset();
  preset["blocks"][1]["keep"] = 15;  // not a multiple of the 4 pixels that are left
  EXPECT_TRUE(contains(message_of<ShapeError>([&] { random_model(preset); }), "blocks.1.keep"));
  preset = tiny_preset();
  preset["blocks"][2]["keep"] = 17;  // more than comes in
  EXPECT_TRUE(contains(message_of<ShapeError>([&] { random_model(preset); }), "blocks.2.keep"));
  preset = tiny_preset();
  preset["input"]["height"] = 6;
  preset["input"]["width"] = 10;
  EXPECT_THROW(random_model(preset), ShapeError);  // odd after one downsampling
  const auto model = random_model(tiny_preset());
  EXPECT_THROW(model->log_likelihood(torch::rand({1, 1, 8, 9})), ShapeError);
  EXPECT_THROW(model->latents(torch::rand({1, 3, 8, 8})), ShapeError);
  EXPECT_THROW(model->decode(torch::rand({1, 5, 1, 1})), ShapeError);
}

TEST(FlowModels, InitialisationNormalisesTheFirstActNorm) {
  const auto model = tiny_double(tiny_preset());
  const auto x = pixels(64, 8, 7);
  model->initialize(x);
  const auto modules = model->named_modules();
  const auto* flow = modules["block0"]->as<Sequence>();
  ASSERT_NE(flow, nullptr);
  auto value = modules["pre_transform"]->as<Bijection>()->latent(x);
  value = flow->steps()[0]->latent(value);
  ASSERT_NE(flow->steps()[1]->as<ActNorm>(), nullptr);
  value = flow->steps()[1]->latent(value);
  expect_close(value.mean({0, 2, 3}), torch::zeros({4}, torch::kFloat64), 1e-10);
  expect_close(value.square().mean({0, 2, 3}), torch::ones({4}, torch::kFloat64), 5e-3);
}

TEST(FlowModels, TheFirstLayerThatIsNotFiniteIsNamed) {
  const auto x = pixels(2, 8, 8).to(torch::kFloat32);
  const torch::NoGradGuard no_grad;
  EXPECT_EQ(random_model(tiny_preset())->first_not_finite(x), "the densities");
  for (const auto& [parameter, layer] : std::vector<std::pair<std::string, std::string>>{
           {"block0.1.shift", "block0.1"},
           {"block1.2.vectors", "block1.2"},
           {"block1.3.subnet2.bias1", "block1.3"},
           {"block2_split.g.weight0", "block2_split"}}) {
    const auto model = random_model(tiny_preset());
    model->named_parameters()[parameter].fill_(NAN);
    EXPECT_EQ(model->first_not_finite(x).substr(0, layer.size()), layer);
  }
  EXPECT_EQ(random_model(tiny_preset())->first_not_finite(x * NAN), "pre_transform");
}

TEST(FlowModels, Bfloat16IsASwitchThatGoesBack) {
  const auto model = random_model(tiny_preset());
  const auto x = pixels(4, 8, 9).to(torch::kFloat32);
  const torch::NoGradGuard no_grad;
  const auto before = model->log_likelihood(x).total();
  model->set_bfloat16_subnets(true);
  EXPECT_FALSE(torch::equal(model->log_likelihood(x).total(), before));
  model->set_bfloat16_subnets(false);
  EXPECT_TRUE(torch::equal(model->log_likelihood(x).total(), before));
}

}  // namespace
}  // namespace pie

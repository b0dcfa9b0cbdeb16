// A VAE's bound against the likelihood itself, which with one latent is an integral over a line.
#include "lib/model/autoencoder.h"

#include <cmath>

#include "lib/image/quality.h"
#include "lib/model/architecture.h"
#include "lib/numerics/gaussian.h"
#include "lib/numerics/mmd.h"
#include "tests/support/cast.h"
#include "tests/support/tensors.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

Json tiny_autoencoder(const std::string& arch, int64_t latent) {
  Json preset = {{"name", "tiny-" + arch},
                 {"arch", arch},
                 {"input", {{"channels", 1}, {"height", 8}, {"width", 8}}},
                 {"latent", latent},
                 {"filters", 4},
                 {"scales", 2},
                 {"train", tiny_preset()["train"]}};
  if (arch == "wae") preset["mmd_weight"] = 10.0;
  return preset;
}

std::shared_ptr<Autoencoder> make_tiny(const std::string& arch, int64_t latent) {
  torch::manual_seed(3);
  return std::dynamic_pointer_cast<Autoencoder>(make_model(tiny_autoencoder(arch, latent)));
}

torch::Tensor pixels(int64_t count) {
  return uniform_tensor({count, 1, 8, 8}, 0.0, 1.0, 5).to(torch::kFloat32);
}

LogDetEstimator keyed(std::vector<uint64_t> keys, uint64_t seed = 0) {
  LogDetEstimator how;
  how.seed = seed;
  how.keys = std::move(keys);
  return how;
}

TEST(Autoencoders, TheBoundIsBelowTheLikelihood) {
  const torch::NoGradGuard no_grad;
  const auto model = make_tiny("vae", 1);
  const auto x = pixels(1);
  constexpr int64_t kPoints = 4001;
  constexpr double kEnd = 8;
  const auto z = torch::linspace(-kEnd, kEnd, kPoints);
  const auto decoded = model->decode(z.view({-1, 1, 1, 1}));
  const auto joint = normal_log_prob(decoded - x, model->eps0()).to(torch::kFloat64) -
                     z.to(torch::kFloat64).square() / 2;
  const double log_prob = torch::logsumexp(joint, 0).item<double>() +
                          std::log(2 * kEnd / (kPoints - 1)) - 0.5 * std::log(2 * M_PI);
  RunningMean bound;
  for (uint64_t draw = 0; draw < 500; ++draw) {
    bound.add(model->log_likelihood(x, keyed({draw})).total().item<double>());
  }
  EXPECT_LT(bound.mean(), log_prob + 5 * bound.standard_error());
  EXPECT_EQ(model->likelihood(), Likelihood::kBound);
  // Not far below: without training q is near the prior, and the decoder hardly depends on z.
  EXPECT_GT(bound.mean(), log_prob - 50);
}

TEST(Autoencoders, DrawsDependOnKeysAlone) {
  const torch::NoGradGuard no_grad;
  const auto model = make_tiny("vae", 3);
  const auto x = pixels(3);
  const auto together = model->log_likelihood(x, keyed({7, 8, 9})).total();
  const auto last = model->log_likelihood(x.slice(0, 2), keyed({9})).total();
  EXPECT_NEAR(together[2].item<double>(), last[0].item<double>(), 1e-3);
  const auto other = model->log_likelihood(x, keyed({7, 8, 9}, 1)).total();
  EXPECT_GT((together - other).abs().max().item<double>(), 1e-2);
}

TEST(Autoencoders, TheResidualGivesTheImageBackAndTheMeanIsWithinItsRange) {
  const torch::NoGradGuard no_grad;
  for (const char* arch : {"vae", "wae"}) {
    const auto model = make_tiny(arch, 3);
    const auto x = pixels(4);
    const auto latents = model->latents(x);
    EXPECT_EQ(latents.z.sizes(), torch::IntArrayRef({4, 3, 1, 1}));
    const auto back =
        model->decode(latents.z, [&](size_t l, const auto&) { return latents.r.at(l); });
    EXPECT_TRUE(torch::equal(back, x));
    const auto mean = model->decode(latents.z);
    EXPECT_EQ(mean.sizes(), x.sizes());
    EXPECT_GT(mean.min().item<double>(), 0);
    EXPECT_LT(mean.max().item<double>(), 1);
    // An image's latents are its own.
    expect_close(model->latents(x.slice(0, 1, 2)).z, latents.z.slice(0, 1, 2), 1e-5);
  }
}

TEST(Autoencoders, AWaeHasNoDensity) {
  const auto model = make_tiny("wae", 3);
  EXPECT_EQ(model->likelihood(), Likelihood::kScore);
  EXPECT_FALSE(model->has_density());
}

// -w MMD^2 between the latents and the prior: on average over the prior's samples, those here too.
TEST(Autoencoders, AWaePaysForLatentsUnlikeThePrior) {
  const torch::NoGradGuard no_grad;
  const auto model = make_tiny("wae", 3);
  const auto x = pixels(8);
  const auto z = model->latents(x).z.flatten(1);
  const double weight = tiny_autoencoder("wae", 3)["mmd_weight"].get<double>();
  RunningMean paid, expected;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const auto score = model->log_likelihood(x, keyed({0, 1, 2, 3, 4, 5, 6, 7}, seed)).z;
    EXPECT_EQ(score.min().item<float>(), score.max().item<float>());  // one for all of the batch
    paid.add(score[0].item<double>());
    const auto prior = normal_tensor({8, 3}, seed).to(torch::kFloat32);
    expected.add(-weight * squared_mmd(z, prior).item<double>());
  }
  EXPECT_LT(paid.mean(), -10 * paid.standard_error());  // at first they are unlike it
  EXPECT_NEAR(paid.mean(), expected.mean(),
              5 * std::hypot(paid.standard_error(), expected.standard_error()));
}

TEST(Autoencoders, GradientsReachEveryParameter) {
  for (const char* arch : {"vae", "wae"}) {
    const auto model = make_tiny(arch, 2);
    model->log_likelihood(pixels(4), keyed({0, 1, 2, 3})).total().sum().backward();
    for (const auto& item : model->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      EXPECT_TRUE(all_finite(item.value().grad())) << item.key();
      EXPECT_GT(item.value().grad().abs().max().item<double>(), 0) << item.key();
    }
  }
}

TEST(Autoencoders, SidesThatDoNotFitAreRefused) {
  auto preset = tiny_autoencoder("vae", 2);
  preset["input"]["height"] = 10;
  EXPECT_THROW(make_model(preset), ShapeError);
}

TEST(Autoencoders, ComeBackFromTheirFiles) {
  const auto preset = tiny_autoencoder("wae", 3);
  const auto model = make_tiny("wae", 3);
  const auto loaded =
      parse_model(serialize_model(*model, preset, Json::object(), Json::object()), "tiny");
  const auto x = pixels(2);
  EXPECT_TRUE(torch::equal(as<LatentModel>(loaded).latents(x).z, model->latents(x).z));
}

}  // namespace
}  // namespace pie

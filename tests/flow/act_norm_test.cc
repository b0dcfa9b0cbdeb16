// Initialisation from data, and that it is part of the saved state.
#include "lib/flow/act_norm.h"

#include <sstream>

#include "tests/support/tensors.h"

namespace pie {
namespace {

torch::Tensor data() {
  const auto spread = torch::tensor({0.5, 1.0, 20.0}, torch::kFloat64).view({1, 3, 1, 1});
  return normal_tensor({16, 3, 4, 5}, 1) * spread + 3;
}

std::shared_ptr<ActNorm> make() {
  auto layer = std::make_shared<ActNorm>(Shape{3, 4, 5});
  layer->to(torch::kFloat64);
  return layer;
}

TEST(ActNormLayer, IsTheIdentityBeforeInitialisation) {
  EXPECT_TRUE(torch::equal(make()->latent(data()), data()));
}

TEST(ActNormLayer, InitialisationGivesMeanZeroAndVarianceOne) {
  const auto layer = make();
  layer->initialize(data());
  const auto y = layer->latent(data());
  expect_close(y.mean({0, 2, 3}), torch::zeros({3}, torch::kFloat64), 1e-12);
  // The floor of 1e-3 under the deviation, at least 0.4 here, takes at most 0.5 % off the variance.
  expect_close(y.square().mean({0, 2, 3}), torch::ones({3}, torch::kFloat64), 5e-3);
  for (const auto& parameter : layer->parameters()) EXPECT_TRUE(parameter.requires_grad());
}

TEST(ActNormLayer, AConstantChannelStaysFinite) {
  const auto layer = make();
  layer->initialize(torch::full({4, 3, 4, 5}, 0.25, torch::kFloat64));
  const auto mapped = layer->forward(data());
  EXPECT_TRUE(all_finite(mapped.value));
  EXPECT_TRUE(all_finite(mapped.log_det));
}

TEST(ActNormLayer, AFloorHoldsBackChannelsThatVaryLittle) {
  const auto standard = make();
  standard->initialize(data());
  auto layer = std::make_shared<ActNorm>(Shape{3, 4, 5}, 0.1);
  layer->to(torch::kFloat64);
  layer->initialize(data());
  const auto deviation = [](const torch::Tensor& x) { return x.square().mean({0, 2, 3}).sqrt(); };
  // The average is at most that of the last channel, about 20, and at least its root of a third.
  const auto y = deviation(layer->latent(data()));
  EXPECT_LT(y[0].item<double>(), 0.6 / (0.1 * 20 / 1.8));
  expect_close(y[2], deviation(standard->latent(data()))[2], 1e-12);
}

TEST(ActNormLayer, InitialisationSurvivesSaving) {
  const auto layer = make();
  layer->initialize(data());
  std::stringstream stream;
  torch::serialize::OutputArchive saved;
  layer->save(saved);
  saved.save_to(stream);
  const auto copy = make();
  torch::serialize::InputArchive loaded;
  loaded.load_from(stream);
  copy->load(loaded);
  const auto other = normal_tensor({2, 3, 4, 5}, 2);
  EXPECT_TRUE(torch::equal(copy->latent(other), layer->latent(other)));
}

}  // namespace
}  // namespace pie

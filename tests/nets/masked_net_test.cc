// Masked networks: who sees whom, and numbers chosen one after the other.
#include "lib/nets/masked_net.h"

#include "lib/base/error.h"
#include "tests/support/jacobian.h"
#include "tests/support/processor.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

const std::vector<MaskedNetOptions> kMaskedNets = {
    {6, 2, 20, 1}, {5, 1, 4, 0}, {9, 3, 5, 2}, {1, 2, 3, 1}, {4, 2, 64, 3}};

MaskedNet make_masked(const MaskedNetOptions& options) {
  torch::manual_seed(1);
  MaskedNet net(options);
  net.to(torch::kFloat64);
  perturb(net, 0.5, 2);
  return net;
}

TEST(MaskedNets, ParametersSeeTheNumbersBefore) {
  for (const auto& options : kMaskedNets) {
    auto net = make_masked(options);
    torch::Tensor seen = torch::zeros({options.parameters, options.numbers, options.numbers});
    for (uint64_t seed = 3; seed < 8; ++seed) {  // a ReLU may be closed on one input
      const auto x = normal_tensor({1, options.numbers}, seed);
      const auto slopes = jacobian([&](const auto& v) { return net.forward(v); }, x);
      seen += slopes.view(seen.sizes()).ne(0);
    }
    const auto before = torch::ones({options.numbers, options.numbers}).tril(-1);
    EXPECT_EQ((seen * (1 - before)).sum().item<double>(), 0);
    // With units of every degree, each number is seen by all parameters behind it.
    if (options.hidden < 4 * options.numbers) continue;
    EXPECT_TRUE((seen + (1 - before)).gt(0).all().item<bool>());
  }
}

TEST(MaskedNets, NumbersAreChosenByTheParametersThatForwardGives) {
  for (const auto& options : kMaskedNets) {
    auto net = make_masked(options);
    const auto wanted = normal_tensor({3, options.numbers}, 4);
    std::vector<torch::Tensor> given;
    const auto x = net.choose(3, [&](int64_t i, const torch::Tensor& parameters) {
      EXPECT_EQ(i, static_cast<int64_t>(given.size()));
      given.push_back(parameters);
      return wanted.narrow(1, i, 1) + parameters.sum(1, true);
    });
    const auto parameters = net.forward(x);
    expect_close(torch::stack(given, 2).view(parameters.sizes()), parameters, 1e-12);
    const auto sums = parameters.view({3, options.parameters, options.numbers}).sum(1);
    expect_close(x, wanted + sums, 1e-12);
  }
}

// A trained model's weights stand where the degrees were when it was trained.
TEST(MaskedNets, DegreesAreThoseOfTheFormat) {
  torch::manual_seed(1);
  MaskedNet net({5, 1, 7, 0});  // degrees 0 0 1 1 2 2 3
  const auto weights = net.named_parameters()["weight0"].ne(0).to(torch::kInt64);
  EXPECT_TRUE(torch::equal(weights.sum(0), torch::tensor({1, 1, 2, 2, 3, 3, 4})));
  MaskedNet narrow({7, 1, 3, 0});  // degrees 0 2 4
  EXPECT_TRUE(
      torch::equal(narrow.named_parameters()["weight0"].ne(0).sum(0), torch::tensor({1, 3, 5})));
  EXPECT_THROW(MaskedNet({kMostNumbers + 1, 1, 1, 0}), ShapeError);
}

TEST(MaskedNets, BFloat16ProductsAreNear) {
  if (!has_bfloat16()) {
    GTEST_SKIP() << "LibTorch's bfloat16 products are not dependable on this processor";
  }
  torch::manual_seed(1);
  MaskedNet net({30, 2, 64, 1});
  perturb(net, 0.1, 2);
  const auto x = normal_tensor({8, 30}, 5).to(torch::kFloat32);
  const auto exact = net.forward(x);
  net.set_bfloat16(true);
  const auto near = net.forward(x);
  // Two roundings of 2^-9 a product, three layers deep; sums of random signs stay far below.
  expect_close(near, exact, 0.05 * exact.abs().max().item<double>());
  EXPECT_GT(max_difference(near, exact), 0);
}

}  // namespace
}  // namespace pie

// The network of an integer PIE is the same function in float32 as in 64-bit integers.
#include "lib/nets/integer_net.h"

#include <gtest/gtest.h>

#include "tests/support/tensors.h"

namespace pie {
namespace {

const std::vector<OutputGrid> kOutputGrids = {{3, -64, 63}, {9, -2559, 2559}, {3, -32, 31}};

constexpr int64_t kIn = 6, kHidden = 10, kFeatures = 2;

IntegerNetOptions options_for(int64_t heads) {
  return {kIn, kHidden, 2, kOutputGrids, heads, kFeatures};
}

// A network with random fixed-point weights, `scale` times as large as training starts with.
std::shared_ptr<IntegerNet> random_net(uint64_t seed, double scale, int64_t heads = 1) {
  torch::manual_seed(seed);
  auto net = std::make_shared<IntegerNet>(options_for(heads));
  torch::NoGradGuard no_grad;
  for (auto& parameter : net->parameters()) parameter.mul_(scale);
  perturb(*net, 0.1, seed);
  net->freeze();
  return net;
}

torch::Tensor random_activations(int64_t rows, int64_t columns, uint64_t seed) {
  return uniform_tensor({rows, columns}, 0, 128, seed).floor().to(torch::kFloat32) /
         (1 << kActivationBits);
}

// What all heads say of x [N*H*W, kIn].
torch::Tensor outputs(IntegerNet& net, const torch::Tensor& x, const RowGrid& grid, int64_t heads,
                      Arithmetic arithmetic = Arithmetic::kFloat32) {
  const auto trunk = net.trunk(x, grid, arithmetic);
  std::vector<torch::Tensor> all;
  for (int64_t c = 0; c < heads; ++c) {
    const auto before = c == 0 ? torch::Tensor() : x.narrow(1, 0, c * kFeatures).contiguous();
    all.push_back(net.head(c, trunk, before, grid, arithmetic));
  }
  return torch::cat(all, 1);
}

TEST(IntegerNets, ArithmeticsAgree) {
  const torch::NoGradGuard no_grad;
  uint64_t seed = 1;
  bool outputs_vary = false;
  for (const RowGrid grid : {RowGrid{1, 1, 1}, RowGrid{2, 1, 7}, RowGrid{3, 5, 4}}) {
    for (const double scale : {1.0, 3.0, 20.0}) {
      const auto net = random_net(++seed, scale, 3);
      const auto x = random_activations(grid.rows(), kIn, seed);
      const auto exact = outputs(*net, x, grid, 3, Arithmetic::kInt64);
      EXPECT_TRUE(torch::equal(outputs(*net, x, grid, 3), exact)) << seed;
      EXPECT_TRUE(torch::equal(outputs(*net, x, grid, 3, Arithmetic::kFastest), exact)) << seed;
      outputs_vary = outputs_vary || !torch::equal(exact[0], exact[exact.size(0) - 1]);
    }
  }
  EXPECT_TRUE(outputs_vary);
}

// Whatever a machine makes of bfloat16 products: where the trial finds them exact, they are.
TEST(IntegerNets, BFloat16IsExactWhereItIsUsed) {
  const torch::NoGradGuard no_grad;
  const auto net = random_net(3, 2.0);
  const RowGrid grid{4, 9, 9};
  IntegerLayer layer(40, 24, 3, false, {});
  layer.freeze();
  const auto x = random_activations(grid.rows(), 40, 4);
  if (!layer.bfloat16_is_exact(grid.rows())) GTEST_SKIP() << "no fast bfloat16 here";
  EXPECT_TRUE(torch::equal(layer.forward(x, grid, {}, true), layer.forward(x, grid, {}, false)));
}

// Where sums come as close to 2^24 as freezing lets them.
TEST(IntegerNets, Float32EqualsInt64AtTheBound) {
  const torch::NoGradGuard no_grad;
  IntegerLayer layer(100, 4, 3, false, {});
  layer.weight.fill_(10);
  layer.weight.select(1, 1).fill_(-10);
  layer.weight.select(1, 2).copy_(uniform_tensor({900}, -1, 1, 3, torch::kFloat32));
  layer.bias.copy_(torch::tensor({-1.0F, 1.0F, 0.0F, 1e9F}));
  EXPECT_TRUE(layer.freeze());
  const double units = 1 << kSumBits;
  const auto sums = layer.weight.abs().sum(0, false, torch::kFloat64) * (1 << kWeightBits) *
                        static_cast<double>(kLargestActivation) +
                    layer.bias.abs() * units;
  EXPECT_LT(sums.max().item<double>(), static_cast<double>(kSumBound));
  EXPECT_GT(sums[0].item<double>(), 0.9 * static_cast<double>(kSumBound));
  // Rounding to 8 bits adds at most one part in 2^9.
  EXPECT_LT(sums.max().item<double>() * (1 + 1.0 / 512), static_cast<double>(kSumBound));
  const RowGrid grid{1, 4, 4};
  auto a = torch::full({16, 100}, kLargestActivation, torch::kInt64);
  a.narrow(1, 50, 50).copy_(random_activations(16, 50, 5) * (1 << kActivationBits));
  const auto fast = layer.forward(a.to(torch::kFloat32) / (1 << kActivationBits), grid, {}, false);
  EXPECT_TRUE(torch::equal(fast * (1 << kActivationBits),
                           layer.forward_reference(a, grid, {}).to(torch::kFloat32)));
}

TEST(IntegerNets, RoundsHalfToEven) {
  const torch::NoGradGuard no_grad;
  IntegerLayer layer(1, 1, 1, false, {{0, -10, 10}});
  layer.bias.zero_();
  const RowGrid grid{1, 1, 2};
  for (const auto& [weight, first, second] :
       std::vector<std::tuple<double, double, double>>{{0.5, 0, 2}, {-0.5, 0, -2}}) {
    layer.weight.fill_(weight);
    EXPECT_FALSE(layer.freeze());
    const auto a = torch::tensor({32, 96}, torch::kInt64).view({2, 1});  // 1 and 3
    const auto y = layer.forward(a.to(torch::kFloat32) / (1 << kActivationBits), grid, {}, false);
    EXPECT_EQ(y[0].item<double>(), first);
    EXPECT_EQ(y[1].item<double>(), second);
    EXPECT_TRUE(torch::equal(y, layer.forward_reference(a, grid, {}).to(torch::kFloat32)));
  }
}

TEST(IntegerNets, FreezingTwiceChangesNothing) {
  const auto net = random_net(3, 5.0);
  EXPECT_FALSE(net->freeze());
}

// Training sees what coding will see: freezing does not change an output.
TEST(IntegerNets, FreezingKeepsTheOutputs) {
  torch::manual_seed(4);
  IntegerNet net(options_for(2));
  const RowGrid grid{2, 4, 4};
  const auto x = random_activations(grid.rows(), kIn, 1);
  const auto before = outputs(net, x, grid, 2).detach();
  EXPECT_TRUE(net.freeze());
  EXPECT_TRUE(torch::equal(outputs(net, x, grid, 2).detach(), before));
}

TEST(IntegerNets, SamplesDoNotDependOnTheBatch) {
  const torch::NoGradGuard no_grad;
  const auto net = random_net(5, 2.0, 2);
  const auto x = random_activations(9 * 20, kIn, 2);
  const auto all = outputs(*net, x, {9, 4, 5}, 2, Arithmetic::kFastest);
  for (int64_t i = 0; i < 9; ++i) {
    const auto one = outputs(*net, x.narrow(0, 20 * i, 20), {1, 4, 5}, 2, Arithmetic::kFastest);
    EXPECT_TRUE(torch::equal(one, all.narrow(0, 20 * i, 20)));
  }
}

// With steps of rounding averaged over, gradients are those of the unrounded network: compared as a
// whole with the change of the loss over a move much larger than a step.
TEST(IntegerNets, GradientsPredictLargeMoves) {
  torch::manual_seed(6);
  IntegerNet net({kIn, 16, 1, kOutputGrids, 2, kFeatures});
  const RowGrid grid{16, 6, 6};
  const auto x = random_activations(grid.rows(), kIn, 3);
  const auto target = normal_tensor({6}, 1, torch::kFloat32);
  const auto loss = [&] { return (outputs(net, x, grid, 2).mean(0) * target).sum(); };
  loss().backward();
  double predicted = 0;
  std::vector<torch::Tensor> moves;
  for (const auto& parameter : net.parameters()) {
    EXPECT_TRUE(all_finite(parameter.grad()));
    moves.push_back(parameter.grad() / parameter.grad().norm().clamp_min(1e-12) * 0.02);
    predicted += (moves.back() * parameter.grad()).sum().item<double>();
  }
  torch::NoGradGuard no_grad;
  const auto moved = [&](double by) {
    size_t i = 0;
    for (auto& parameter : net.parameters()) parameter.add_(moves[i++], by);
    return loss().item<double>();
  };
  const double change = (moved(1) - moved(-2)) / 2;
  EXPECT_NEAR(change, predicted, 0.2 * std::abs(predicted));
}

}  // namespace
}  // namespace pie

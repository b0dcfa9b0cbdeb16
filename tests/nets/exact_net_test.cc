// A frozen network is the same function in float32 as in integers, and gradients are those of the
// network without its rounding.
#include "lib/nets/exact_net.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "lib/base/random.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

const std::vector<ExactGrid> kIndices = {{3, -64, 63}, {9, -2559, 2559}, {3, -32, 31}};
constexpr int64_t kIn = 5, kHidden = 10, kFeatures = 2, kHeads = 3, kPhases = 3;
constexpr double kFeatureUnits = 1 << kExactFeatureBits;
constexpr ExactBits kSame{kExactFeatureBits, kExactFeatureBits};
constexpr double kWeightUnits = 1 << kExactWeightBits;

// Of a scale, or of z, of which nothing is known.
ExactNetOptions options_for(bool z, int activation_bits = kExactFeatureBits) {
  return {z ? 0 : kIn, kHidden,   z ? 0 : 1,       z ? 0 : 1, z ? 1 : kPhases,
          kHeads,      kFeatures, activation_bits, kIndices};
}

// A network with random fixed-point weights, `scale` times as large as training starts with.
std::shared_ptr<ExactNet> random_net(uint64_t seed, double scale, bool z = false,
                                     int activation_bits = kExactFeatureBits) {
  torch::manual_seed(seed);
  auto net = std::make_shared<ExactNet>(options_for(z, activation_bits));
  torch::NoGradGuard no_grad;
  for (auto& parameter : net->parameters()) parameter.mul_(scale);
  perturb(*net, 0.1, seed);
  net->freeze();
  return net;
}

FeatureRows random_rows(const CellGrid& grid, int64_t columns, uint64_t seed) {
  FeatureRows rows(grid.cells(), columns);
  const CounterRandom random(seed, 0);
  for (size_t i = 0; i < rows.data.size(); ++i) {
    rows.data[i] = static_cast<uint8_t>(random.bits(i) & 127U);
  }
  return rows;
}

// The same in float32, [N, columns, H, W], channels last.
torch::Tensor activations(const FeatureRows& rows, const CellGrid& grid) {
  auto tensor = torch::empty({grid.n, grid.height, grid.width, rows.columns});
  std::copy(rows.data.begin(), rows.data.end(), tensor.data_ptr<float>());
  return (tensor / kFeatureUnits).permute({0, 3, 1, 2});
}

// What is shown of some images: of the coarse ones, and of the planes of each phase.
struct Shown {
  CellGrid grid;
  FeatureRows coarse;
  std::vector<FeatureRows> planes;

  Shown(const CellGrid& of, uint64_t seed) : grid(of), coarse(random_rows(of, kIn, seed)) {
    for (uint64_t p = 1; p <= kPhases; ++p) {
      planes.push_back(random_rows(of, kHeads * kFeatures, seed + 1000 * p));
    }
  }
  // The first channels of a phase.
  FeatureRows before(size_t phase, int64_t channels) const {
    FeatureRows part(grid.cells(), channels * kFeatures);
    const auto& all = planes[phase];
    for (size_t i = 0; i < grid.cells(); ++i) {
      std::copy_n(all.data.begin() + static_cast<int64_t>(i) * all.columns, part.columns,
                  part.data.begin() + static_cast<int64_t>(i) * part.columns);
    }
    return part;
  }
};

// What all heads say of all cells, in float32: [N * H * W, outputs] each.
std::vector<torch::Tensor> by_floats(ExactNet& net, const Shown& shown, bool z = false) {
  const auto coarse = activations(shown.coarse, shown.grid);
  auto state = net.begin(z ? torch::Tensor() : coarse, coarse);
  std::vector<torch::Tensor> all;
  for (int64_t p = 0; p < (z ? 1 : kPhases); ++p) {
    const auto phase = static_cast<size_t>(p);
    if (p > 0) state = net.inject(p, state, activations(shown.planes[phase - 1], shown.grid));
    for (int64_t c = 0; c < kHeads; ++c) {
      const auto before =
          c == 0 ? torch::Tensor() : activations(shown.before(phase, c), shown.grid);
      const auto out = net.head(p, c, state, before);
      all.push_back(out.permute({0, 2, 3, 1}).reshape({-1, out.size(1)}));
    }
  }
  return all;
}

// The same in integers.
std::vector<torch::Tensor> by_integers(const ExactNet& net, const Shown& shown, bool z = false) {
  const std::vector<ExactNetwork> networks{net.frozen(), net.frozen()};
  constexpr int64_t kDepth = 1;  // where z's network is
  ExactNetworks all(networks, kDepth, [](int64_t rows, const auto& work) { work(0, rows); });
  all.begin(z ? kDepth : 0, shown.grid, z ? FeatureRows(shown.grid.cells(), 0) : shown.coarse);
  std::vector<torch::Tensor> result;
  for (size_t p = 0; p < (z ? 1 : static_cast<size_t>(kPhases)); ++p) {
    if (p > 0) all.inject(p, shown.planes[p - 1]);
    for (int64_t c = 0; c < kHeads; ++c) {
      const ExactPlane plane{0, 0, p, c, shown.grid.height, shown.grid.width};
      const auto head = all.head(plane, shown.before(p, c));
      auto out = torch::empty({static_cast<int64_t>(shown.grid.cells()), head.stride});
      std::copy_n(head.data, out.numel(), out.data_ptr<float>());
      result.push_back(out.narrow(1, 0, static_cast<int64_t>(kIndices.size())));
    }
  }
  return result;
}

void expect_equal(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(torch::equal(a[i], b[i])) << "head " << i;
}

const std::vector<CellGrid> kCellGrids = {{1, 1, 1}, {2, 1, 1}, {1, 3, 5}, {2, 3, 5}, {3, 1, 7}};

TEST(ExactNets, FloatsComputeWhatIntegersDo) {
  uint64_t seed = 1;
  bool outputs_vary = false;
  for (const auto& grid : kCellGrids) {
    for (const double scale : {1.0, 3.0, 20.0}) {
      for (const bool z : {false, true}) {
        SCOPED_TRACE(std::to_string(++seed));
        // Heads multiply by 2^9 at most, and sums are divided by two at least.
        const auto net = random_net(seed, scale, z, 3 + static_cast<int>(seed % 3));
        const Shown shown(grid, seed);
        const auto expected = by_integers(*net, shown, z);
        // With gradients, as training computes it, and without.
        auto found = by_floats(*net, shown, z);
        EXPECT_TRUE(found[0].requires_grad());
        for (auto& out : found) out = out.detach();
        expect_equal(found, expected);
        const torch::NoGradGuard no_grad;
        expect_equal(by_floats(*net, shown, z), expected);
        // The second head sees its neighbourhood, whatever the network.
        outputs_vary =
            outputs_vary || !torch::equal(expected[1][0], expected[1][expected[1].size(0) - 1]);
      }
    }
  }
  EXPECT_TRUE(outputs_vary);
}

TEST(ExactNets, Bfloat16IsForTrainingOnly) {
  const torch::NoGradGuard no_grad;
  const auto net = random_net(3, 2.0);
  const Shown shown({2, 3, 5}, 3);
  net->set_bfloat16(true);
  expect_equal(by_floats(*net, shown), by_integers(*net, shown));
}

TEST(ExactNets, FreezingTwiceChangesNothing) {
  for (const double scale : {1.0, 50.0}) EXPECT_FALSE(random_net(3, scale)->freeze());
}

// Training sees what coding will see: freezing does not change an output.
TEST(ExactNets, FreezingKeepsTheOutputs) {
  torch::manual_seed(4);
  ExactNet net(options_for(false));
  const torch::NoGradGuard no_grad;
  const Shown shown({2, 4, 4}, 4);
  const auto before = by_floats(net, shown);
  EXPECT_TRUE(net.freeze());
  expect_equal(by_floats(net, shown), before);
}

TEST(ExactNets, ConstrainedWeightsAreWithin8Bits) {
  const auto net = random_net(5, 1.0);
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : net->parameters()) parameter.mul_(1000);
  }
  net->constrain();
  for (const auto& item : net->named_parameters()) {
    if (item.key().find("weight") == std::string::npos) continue;
    EXPECT_LE(item.value().abs().max().item<double>() * kWeightUnits, 127) << item.key();
    EXPECT_GT(item.value().abs().max().item<double>(), 0) << item.key();
  }
}

// A layer of indices in integers, of rows of x.
torch::Tensor by_integers(const ExactLayer& layer, const FeatureRows& x, const CellGrid& grid) {
  const auto convolution = layer.frozen();
  ActivationMap map(grid, x.columns);
  map.fill(x.data.data());
  std::vector<int16_t> y(grid.cells() * static_cast<size_t>(convolution.output_stride()));
  convolution.indices(map, y.data(), 0, grid.n * grid.height);
  auto out = torch::empty({static_cast<int64_t>(grid.cells()), convolution.output_stride()});
  std::copy(y.begin(), y.end(), out.data_ptr<float>());
  return out.narrow(1, 0, convolution.outputs());
}

torch::Tensor by_floats(ExactLayer& layer, const FeatureRows& x, const CellGrid& grid) {
  const auto y = layer.forward(activations(x, grid), {}, false);
  return y.permute({0, 2, 3, 1}).reshape({-1, y.size(1)});
}

TEST(ExactLayers, FreezingKeepsEverySumBelow2To24) {
  const torch::NoGradGuard no_grad;
  for (const bool skip : {false, true}) {
    const ExactBits bits{5, skip ? 4 : 5};
    ExactLayer layer(130, 4, 3, skip, bits);
    layer.weight.fill_(10);
    layer.weight[1].fill_(0.25);
    layer.bias.copy_(torch::tensor({-1.0F, 1.0F, 0.0F, 1e9F}));
    EXPECT_TRUE(layer.freeze());
    EXPECT_FALSE(layer.freeze());
    EXPECT_EQ(layer.weight[1].min().item<double>(), 0.25);  // fits as it is
    const auto sums = layer.weight.abs().to(torch::kFloat64).sum({1, 2, 3}) * kWeightUnits *
                          static_cast<double>(kExactLargest) +
                      layer.bias.abs().to(torch::kFloat64) * std::ldexp(1.0, bits.sums()) +
                      (skip ? static_cast<double>(kExactLargest) * 2 * kWeightUnits : 0.0);
    EXPECT_LT(sums.max().item<double>(), static_cast<double>(kExactSumBound));
    EXPECT_GT(sums[0].item<double>(), 0.9 * static_cast<double>(kExactSumBound));
    EXPECT_GT(sums[3].item<double>(), 0.9 * static_cast<double>(kExactSumBound));
    EXPECT_NO_THROW(layer.frozen());
  }
}

// Where the sum of what is added, and of what is taken away again, comes close to 2^24.
TEST(ExactLayers, FloatsAreExactAtTheBound) {
  const torch::NoGradGuard no_grad;
  constexpr int64_t kMany = 130;
  const CellGrid grid{1, 4, 5};
  ExactLayer layer(kMany, 3, 3, false, kSame, {{9, -2559, 2559}, {9, -2559, 2559}, {3, -64, 63}});
  layer.weight.copy_(uniform_tensor({3, kMany, 3, 3}, -1, 1, 1, torch::kFloat32));
  layer.weight[0].narrow(0, 0, 64).fill_(1);
  layer.weight[0].narrow(0, 64, 64).fill_(-1);
  layer.weight[1].fill_(1);
  EXPECT_TRUE(layer.freeze());
  auto x = random_rows(grid, kMany, 1);
  for (size_t i = 0; i < x.data.size(); ++i) {
    if (i % kMany < 128) x.data[i] = 127;
  }
  const auto expected = by_integers(layer, x, grid);
  EXPECT_TRUE(torch::equal(by_floats(layer, x, grid), expected));
  // What is left of the first is not clamped.
  const auto first = expected.select(1, 0).abs();
  EXPECT_GT((first < 2559).sum().item<int64_t>(), 0);
  EXPECT_GT(first.max().item<double>(), 0);
}

TEST(ExactLayers, RoundHalfUp) {
  const torch::NoGradGuard no_grad;
  ExactLayer layer(1, 1, 1, false, kSame, {{0, -10, 10}});
  const CellGrid grid{1, 1, 2};
  FeatureRows x(2, 1);
  x.data = {32, 96};  // 1 and 3
  for (const auto& [weight, first, second] :
       std::vector<std::tuple<double, double, double>>{{0.5, 1, 2}, {-0.5, 0, -1}}) {
    layer.weight.fill_(weight);
    EXPECT_FALSE(layer.freeze());
    const auto y = by_floats(layer, x, grid);
    EXPECT_EQ(y[0].item<double>(), first);
    EXPECT_EQ(y[1].item<double>(), second);
    EXPECT_TRUE(torch::equal(by_integers(layer, x, grid), y));
  }
}

// A batch of a layer, and the gradient of its outputs.
struct Batch {
  torch::Tensor x, skip, g;

  Batch(int64_t in, int64_t out, uint64_t seed)
      : x(activations(random_rows(kGrid, in, seed), kGrid).requires_grad_(true)),
        skip(activations(random_rows(kGrid, out, seed + 1), kGrid).requires_grad_(true)),
        // Eighths, so that no sum of products has more bits than float32.
        g(uniform_tensor({kGrid.n, out, kGrid.height, kGrid.width}, -32, 33, seed)
              .floor()
              .to(torch::kFloat32) /
          8) {}

  static constexpr CellGrid kGrid{2, 5, 6};
};

// EXPECT that the layer's gradients are those of the sums with fixed-point weights, where the
// gradient of the sums is `g`: to the last bit, for all numbers are fixed-point.
void expect_gradients(const ExactLayer& layer, const Batch& batch, bool skip,
                      const torch::Tensor& g) {
  const auto x = batch.x.detach().to(torch::kFloat64).requires_grad_(true);
  const auto w = ((layer.weight.detach() * kWeightUnits).round().clamp(-127, 127) / kWeightUnits)
                     .to(torch::kFloat64)
                     .requires_grad_(true);
  at::conv2d(x, w, {}, 1, w.size(2) / 2).backward(g.to(torch::kFloat64));
  const auto is = [](const torch::Tensor& actual, const torch::Tensor& expected) {
    return actual.defined() && torch::equal(actual.to(torch::kFloat64), expected);
  };
  EXPECT_TRUE(is(batch.x.grad(), x.grad()));
  EXPECT_TRUE(is(layer.weight.grad(), w.grad()));
  EXPECT_TRUE(is(layer.bias.grad(), g.to(torch::kFloat64).sum({0, 2, 3})));
  if (skip) {
    EXPECT_TRUE(is(batch.skip.grad(), g.to(torch::kFloat64)));
  }
}

TEST(ExactLayers, GradientsPassRoundingAndStopAtClampedActivations) {
  bool any_inside = false, any_clamped = false;
  for (const int64_t kernel : {1, 3}) {
    for (const bool skip : {false, true}) {
      for (const int64_t out : {1, 8, 9}) {
        torch::manual_seed(7);
        const ExactBits bits{kExactFeatureBits, kernel == 3 ? 3 : 5};
        ExactLayer layer(7, out, kernel, skip, bits);
        const Batch batch(7, out, 7);
        const auto y = layer.forward(batch.x, skip ? batch.skip : torch::Tensor(), false);
        y.backward(batch.g);
        const auto inside = y.detach().gt(0) & y.detach().lt(std::ldexp(127.0, -bits.out));
        expect_gradients(layer, batch, skip, batch.g * inside);
        any_inside = any_inside || inside.any().item<bool>();
        any_clamped = any_clamped || !inside.all().item<bool>();
      }
    }
  }
  EXPECT_TRUE(any_inside && any_clamped);
}

// Of a clamped index, only what would move it back inside.
TEST(ExactLayers, GradientsMoveClampedIndicesBack) {
  // Outputs are sums times 2^gain, as vectors and singly: there are nine.
  std::vector<ExactGrid> grids;
  for (int k = 0; k < 3; ++k) grids.insert(grids.end(), kIndices.begin(), kIndices.end());
  torch::manual_seed(8);
  ExactLayer layer(6, 9, 1, false, kSame, grids);
  {
    const torch::NoGradGuard no_grad;
    layer.bias.copy_(torch::tensor({9.0F, 0.0F, -4.0F, -9.0F, 4.0F, 4.0F, 0.0F, -4.0F, 0.0F}));
  }
  const Batch batch(6, 9, 8);
  const auto y = layer.forward(batch.x, {}, false);
  y.backward(batch.g);
  auto g = batch.g.clone();
  bool below = false, above = false;
  for (int64_t k = 0; k < 9; ++k) {
    const auto& grid = grids[static_cast<size_t>(k)];
    auto own = g.select(1, k);
    own.mul_(std::ldexp(1.0, grid.gain_bits));
    const auto at_low = y.detach().select(1, k) == static_cast<double>(grid.low),
               at_high = y.detach().select(1, k) == static_cast<double>(grid.high);
    // Descent goes against the gradient: up, where it is negative.
    own.copy_(torch::where(at_low, own.clamp_max(0), own));
    own.copy_(torch::where(at_high, own.clamp_min(0), own));
    below = below || at_low.any().item<bool>();
    above = above || at_high.any().item<bool>();
  }
  EXPECT_TRUE(below && above);
  expect_gradients(layer, batch, false, g);
}

}  // namespace
}  // namespace pie

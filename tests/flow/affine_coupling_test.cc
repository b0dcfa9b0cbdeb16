// The coupling is Eq. 18 of the PIE paper, whatever the networks inside.
#include "lib/flow/affine_coupling.h"

#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/nets/coupling_net.h"
#include "tests/support/jacobian.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

// A fixed linear map of the channels followed by a sine, so that a test can repeat it.
class SineNet final : public Subnet {
 public:
  SineNet(int64_t in, int64_t out)
      : matrix(normal_tensor({out, in}, 40 + static_cast<uint64_t>(out))) {}
  torch::Tensor forward_rows(const torch::Tensor& rows, const RowGrid&) override {
    return torch::sin(torch::mm(rows, matrix.t())) * 3;
  }
  torch::Tensor matrix;
};

struct Built {
  std::shared_ptr<AffineCoupling> layer;
  std::vector<std::shared_ptr<SineNet>> nets;
  std::vector<std::pair<int64_t, int64_t>> sizes;
};

Built build(Shape in, double a) {
  Built built;
  built.layer = std::make_shared<AffineCoupling>(in, a, [&](int64_t from, int64_t to) {
    built.nets.push_back(std::make_shared<SineNet>(from, to));
    built.sizes.emplace_back(from, to);
    return built.nets.back();
  });
  return built;
}

TEST(AffineCouplingLayer, IsTheFormula) {
  constexpr double kClamp = 1.5;
  auto [layer, nets, sizes] = build({5, 2, 3}, kClamp);
  // An odd count gives x1 the larger part.
  ASSERT_EQ(sizes, (std::vector<std::pair<int64_t, int64_t>>{{2, 6}, {3, 4}}));
  const auto x = normal_tensor({3, 5, 2, 3}, 1);
  const auto x1 = x.slice(1, 0, 3), x2 = x.slice(1, 3);
  const auto network1 = nets[0]->forward(x2);
  const auto log_s1 = kClamp * torch::tanh(network1.slice(1, 0, 3) / kClamp);
  const auto y1 = log_s1.exp() * x1 + network1.slice(1, 3);
  const auto network2 = nets[1]->forward(y1);
  const auto log_s2 = kClamp * torch::tanh(network2.slice(1, 0, 2) / kClamp);
  const auto y2 = log_s2.exp() * x2 + network2.slice(1, 2);
  const auto mapped = layer->forward(x);
  expect_close(mapped.value, torch::cat({y1, y2}, 1), 1e-12);
  expect_close(mapped.log_det, log_s1.sum({1, 2, 3}) + log_s2.sum({1, 2, 3}), 1e-12);
}

TEST(AffineCouplingLayer, FirstHalfIsScaledElementByElement) {
  constexpr double kClamp = 2;
  const auto layer = build({4, 2, 2}, kClamp).layer;
  const auto x = normal_tensor({1, 4, 2, 2}, 2);
  const auto j = jacobian([&](const auto& v) { return layer->latent(v); }, x);
  const auto first = j.slice(0, 0, 8).slice(1, 0, 8);  // d y1 / d x1
  const auto scale = first.diag();
  EXPECT_EQ(max_difference(first, torch::diag(scale)), 0);
  EXPECT_GE(scale.min().item<double>(), std::exp(-kClamp));
  EXPECT_LE(scale.max().item<double>(), std::exp(kClamp));
}

TEST(AffineCouplingLayer, AdditiveHasNoScale) {
  auto [layer, nets, sizes] = build({4, 2, 2}, 0);
  ASSERT_EQ(sizes, (std::vector<std::pair<int64_t, int64_t>>{{2, 2}, {2, 2}}));
  const auto x = normal_tensor({2, 4, 2, 2}, 3);
  const auto y1 = x.slice(1, 0, 2) + nets[0]->forward(x.slice(1, 2));
  const auto y2 = x.slice(1, 2) + nets[1]->forward(y1);
  const auto mapped = layer->forward(x);
  expect_close(mapped.value, torch::cat({y1, y2}, 1), 1e-12);
  EXPECT_TRUE(torch::equal(mapped.log_det, torch::zeros({2}, torch::kFloat64)));
}

TEST(AffineCouplingLayer, StartsAsTheIdentityWithFreshNetworks) {
  AffineCoupling layer({4, 4, 4}, 2, [](int64_t in, int64_t out) {
    return std::make_shared<CouplingNet>(CouplingNetOptions{in, out});
  });
  const auto x = normal_tensor({2, 4, 4, 4}, 4, torch::kFloat32);
  const auto mapped = layer.forward(x);
  EXPECT_TRUE(torch::equal(mapped.value, x));
  EXPECT_EQ(mapped.log_det.abs().max().item<float>(), 0);
}

TEST(AffineCouplingLayer, NeedsTwoChannels) { EXPECT_THROW(build({1, 4, 4}, 2), ShapeError); }

}  // namespace
}  // namespace pie

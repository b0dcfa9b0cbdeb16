// The same values and gradients as with kept activations.
#include "lib/flow/recompute.h"

#include "lib/flow/act_norm.h"
#include "lib/flow/affine_coupling.h"
#include "lib/flow/householder.h"
#include "lib/flow/reshapes.h"
#include "lib/flow/residual_block.h"
#include "lib/nets/coupling_net.h"
#include "lib/nets/lipschitz_net.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

std::shared_ptr<Sequence> flow() {
  const Shape in{1, 4, 6}, cells{4, 2, 3};
  const auto make_map = [](int64_t channels, int64_t height, int64_t width) {
    LipschitzNetOptions options;
    options.channels = channels;
    options.height = height;
    options.width = width;
    options.hidden = 6;
    return std::make_shared<LipschitzNet>(options);
  };
  const auto subnets = [](int64_t channels_in, int64_t channels_out) {
    return std::make_shared<CouplingNet>(CouplingNetOptions{channels_in, channels_out, 6, 1, 3});
  };
  torch::manual_seed(2);
  const auto block1 = std::make_shared<ResidualBlock>(in, 0, make_map);
  const auto block2 = std::make_shared<ResidualBlock>(cells, 1, make_map);
  auto sequence = std::make_shared<Sequence>(
      in, std::vector<std::shared_ptr<Bijection>>{
              block1, std::make_shared<Downsampling>(in), std::make_shared<ActNorm>(cells), block2,
              std::make_shared<Householder>(cells, 3),
              std::make_shared<AffineCoupling>(cells, 2.0, subnets)});
  sequence->to(torch::kFloat64);
  perturb(*sequence, 0.3, 1);
  block1->map().constrain(true);
  block2->map().constrain(true);
  return sequence;
}

TEST(Recomputing, GivesTheSameGradients) {
  const auto sequence = flow();
  const auto x = normal_tensor({3, 1, 4, 6}, 4), w = normal_tensor({3, 4, 2, 3}, 5);
  const auto v = normal_tensor({3}, 6);
  LogDetEstimator how;
  how.method = LogDetEstimator::Method::kRoulette;
  how.terms = 2;
  how.keys = {1, 2, 3};
  const auto gradients = [&](bool recompute) {
    sequence->zero_grad();
    auto leaf = x.clone().requires_grad_(true);
    const auto mapped =
        recompute ? forward_recomputing(*sequence, leaf, how) : sequence->forward(leaf, how);
    ((mapped.value * w).sum() + (mapped.log_det * v).sum()).backward();
    std::vector<torch::Tensor> all{mapped.value.detach(), mapped.log_det.detach(), leaf.grad()};
    for (const auto& p : sequence->parameters()) all.push_back(p.grad().clone());
    return all;
  };
  const auto kept = gradients(false), recomputed = gradients(true);
  ASSERT_EQ(kept.size(), recomputed.size());
  for (size_t i = 0; i < kept.size(); ++i) {
    SCOPED_TRACE(i);
    // The inverse is exact to 1e-12, and nothing here has a slope above a hundred.
    expect_close(kept[i], recomputed[i], 1e-9);
  }
}

TEST(Recomputing, NeedsNoGradientOfTheData) {
  const auto sequence = flow();
  LogDetEstimator how;
  how.method = LogDetEstimator::Method::kSeries;
  how.keys = {1};
  forward_recomputing(*sequence, normal_tensor({1, 1, 4, 6}, 4), how).log_det.sum().backward();
  for (const auto& item : sequence->named_parameters()) {
    if (item.key().find("weight") != std::string::npos) {
      EXPECT_TRUE(item.value().grad().defined()) << item.key();
    }
  }
}

}  // namespace
}  // namespace pie

// The hand-written network against the same one made of LibTorch's convolutions.
#include "lib/nets/coupling_net.h"

#include <utility>

#include "lib/nets/fused_rows.h"
#include "tests/support/processor.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

struct NetCase {
  CouplingNetOptions options;
  int64_t height, width;
};

const std::vector<NetCase> kCases = {{{3, 4, 7, 1, 3}, 5, 4},
                                     {{2, 5, 6, 0, 3}, 1, 3},
                                     {{1, 2, 4, 3, 5}, 3, 3},
                                     {{6, 3, 8, 2, 1}, 1, 1},
                                     {{2, 2, 5, 1, 1}, 3, 2}};

CouplingNet make(const CouplingNetOptions& options) {
  torch::manual_seed(1);
  CouplingNet net(options);
  net.to(torch::kFloat64);
  perturb(net, 0.3, 2);
  return net;
}

// in -> hidden (kernel) -> ReLU -> [hidden -> ReLU] x depth -> out (kernel).
torch::Tensor reference(const CouplingNet& net, const CouplingNetOptions& o, torch::Tensor x,
                        bool magnitudes = false) {
  const auto parameters = net.named_parameters();
  for (int64_t i = 0; i < o.depth + 2; ++i) {
    auto weight = parameters["weight" + std::to_string(i)];
    auto bias = parameters["bias" + std::to_string(i)];
    if (magnitudes) {
      weight = weight.abs();
      bias = bias.abs();
    }
    int64_t padding = 0;
    if (i == 0) {
      weight = weight.view({o.kernel, o.kernel, o.in, o.hidden}).permute({3, 2, 0, 1});
      padding = o.kernel / 2;
    } else if (i == o.depth + 1) {
      weight = weight.view({o.hidden, o.kernel, o.kernel, o.out}).permute({3, 0, 1, 2});
      padding = o.kernel / 2;
    } else {
      weight = weight.t().view({o.hidden, o.hidden, 1, 1});
    }
    x = torch::conv2d(x, weight, bias, 1, padding);
    if (i <= o.depth) x = torch::relu(x);
  }
  return x;
}

TEST(CouplingNets, AreConvolutions) {
  for (const auto& [options, height, width] : kCases) {
    auto net = make(options);
    const auto x = normal_tensor({3, options.in, height, width}, 3);
    expect_close(net.forward(x), reference(net, options, x), 1e-12);
  }
}

TEST(CouplingNets, GradientsAreThoseOfAutograd) {
  for (const auto& [options, height, width] : kCases) {
    const auto w = normal_tensor({3, options.out, height, width}, 4);
    std::vector<torch::Tensor> gradients[2];
    for (const bool own : {false, true}) {
      auto net = make(options);
      const auto x = normal_tensor({3, options.in, height, width}, 5).requires_grad_(true);
      const auto y = own ? net.forward(x) : reference(net, options, x);
      // The square makes the incoming gradient depend on the output, as in training.
      (y * w + y.square()).sum().backward();
      gradients[own].push_back(x.grad());
      for (const auto& parameter : net.parameters()) gradients[own].push_back(parameter.grad());
    }
    ASSERT_EQ(gradients[0].size(), gradients[1].size());
    for (size_t i = 0; i < gradients[0].size(); ++i) {
      expect_close(gradients[1][i], gradients[0][i],
                   1e-12 * (1 + gradients[0][i].abs().max().item<double>()));
    }
  }
}

TEST(CouplingNets, TakeAnyMemoryLayout) {
  const auto& options = kCases[0].options;
  auto net = make(options);
  const auto x = normal_tensor({2, options.in, 4, 6}, 6);
  const auto expected = net.forward(x);
  EXPECT_TRUE(torch::equal(net.forward(x.contiguous(torch::MemoryFormat::ChannelsLast)), expected));
  const auto wide = torch::cat({x, x}, 1);
  EXPECT_TRUE(torch::equal(net.forward(wide.narrow(1, options.in, options.in)), expected));
}

TEST(CouplingNets, StartAtZero) {
  CouplingNet net({3, 4});
  const auto x = normal_tensor({2, 3, 4, 4}, 7, torch::kFloat32);
  EXPECT_EQ(net.forward(x).abs().max().item<float>(), 0);
}

// Each of the three products rounds two factors and a result to 8 bits, which moves the output by
// at most 9 * 2^-8 of what the network gives when nothing cancels.
TEST(CouplingNets, Bfloat16StaysWithinItsRounding) {
  if (!has_bfloat16()) {
    GTEST_SKIP() << "LibTorch's bfloat16 products are not dependable on this processor";
  }
  const CouplingNetOptions options{8, 16, 32, 1, 3};
  auto net = make(options);
  net.to(torch::kFloat32);
  const auto x = normal_tensor({4, options.in, 8, 8}, 8, torch::kFloat32);
  const auto w = normal_tensor({4, options.out, 8, 8}, 9, torch::kFloat32);
  std::vector<torch::Tensor> gradients[2], outputs;
  for (const bool bfloat16 : {false, true}) {
    net.set_bfloat16(bfloat16);
    net.zero_grad();
    outputs.push_back(net.forward(x));
    EXPECT_EQ(outputs.back().scalar_type(), torch::kFloat32);
    (outputs.back() * w).sum().backward();
    for (const auto& parameter : net.parameters()) {
      EXPECT_EQ(parameter.grad().scalar_type(), torch::kFloat32);
      gradients[bfloat16].push_back(parameter.grad().clone());
    }
  }
  const auto magnitude = reference(net, options, x.abs(), true);
  const auto relative = ((outputs[1] - outputs[0]).abs() / magnitude).max().item<double>();
  EXPECT_LE(relative, 9.5 / 256);
  EXPECT_GT(relative, 0);
  for (size_t i = 0; i < gradients[0].size(); ++i) {
    // About one activation in a hundred lies within its rounding of zero and may switch its part of
    // the gradient on or off, which moves the norm by the root of that.
    EXPECT_LE((gradients[1][i] - gradients[0][i]).norm().item<double>(),
              0.1 * gradients[0][i].norm().item<double>());
  }
}

// Small whole numbers are bfloat16, and so are their sums: nothing is rounded but, where layers are
// not fused, the gradients of weights.
TEST(CouplingNets, Bfloat16IsExactOnWholeNumbers) {
  if (!has_bfloat16()) {
    GTEST_SKIP() << "LibTorch's bfloat16 products are not dependable on this processor";
  }
  const std::vector<NetCase> cases = {{{2, 4, 64, 1, 3}, 14, 14},  // an image at once
                                      {{4, 8, 64, 1, 3}, 7, 7},    // four, and one at last
                                      {{3, 5, 96, 1, 3}, 7, 7},    // channels that fill no vector
                                      {{3, 4, 32, 0, 3}, 3, 5},   {{1, 1, 32, 2, 5}, 2, 9},
                                      {{2, 3, 24, 1, 3}, 6, 6}};  // not fused
  for (const auto& [options, height, width] : cases) {
    SCOPED_TRACE(options.hidden);
    torch::manual_seed(1);
    CouplingNet net(options);
    {
      const torch::NoGradGuard no_grad;
      for (auto& parameter : net.parameters()) {
        const double nonzero =
            parameter.dim() == 1 ? 1 : 2.0 / static_cast<double>(parameter.size(0));
        parameter.copy_(torch::randint(0, 2, parameter.sizes()) * 2 - 1)
            .mul_(torch::rand(parameter.sizes()) < nonzero);
      }
    }
    const auto whole = [area = std::pair(height, width)](int64_t channels) {
      return torch::randint(-2, 3, {9, channels, area.first, area.second}, torch::kFloat32);
    };
    const auto values = whole(options.in), w = whole(options.out);
    std::vector<torch::Tensor> outputs, gradients[2];
    for (const bool bfloat16 : {false, true}) {
      net.set_bfloat16(bfloat16);
      net.zero_grad();
      const auto x = values.clone().requires_grad_(true);
      outputs.push_back(net.forward(x));
      (outputs.back() * w).sum().backward();
      gradients[bfloat16].push_back(x.grad());
      for (const auto& parameter : net.parameters()) {
        gradients[bfloat16].push_back(parameter.grad().clone());
      }
    }
    EXPECT_GT(outputs[0].abs().max().item<float>(), 4);
    EXPECT_TRUE(torch::equal(outputs[1], outputs[0]));
    const bool fused = can_fuse_rows(values, options.kernel, {net.named_parameters()["weight0"]});
    for (size_t i = 0; i < gradients[0].size(); ++i) {
      EXPECT_GT(gradients[0][i].abs().max().item<float>(), 0);
      EXPECT_TRUE(torch::allclose(gradients[1][i], gradients[0][i], fused ? 0 : 1.0 / 256, 0)) << i;
    }
  }
}

TEST(CouplingNets, GradientsDoNotDependOnTheThreads) {
  const CouplingNetOptions options{3, 1, 32, 0, 3};
  auto net = make(options);
  net.to(torch::kFloat32);
  net.set_bfloat16(has_bfloat16());
  const auto x = normal_tensor({80, options.in, 24, 24}, 10, torch::kFloat32);
  std::vector<torch::Tensor> gradients[2];
  const int threads = at::get_num_threads();
  for (const int count : {1, 3}) {
    at::set_num_threads(count);
    net.zero_grad();
    net.forward(x).square().sum().backward();
    for (const auto& parameter : net.parameters()) {
      gradients[count > 1].push_back(parameter.grad().clone());
    }
  }
  at::set_num_threads(threads);
  for (size_t i = 0; i < gradients[0].size(); ++i) {
    EXPECT_TRUE(torch::equal(gradients[0][i], gradients[1][i])) << i;
  }
}

}  // namespace
}  // namespace pie

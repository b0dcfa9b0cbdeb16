// Norms against singular values, products against autograd of the same network written plainly.
#include "lib/nets/lipschitz_net.h"

#include <cmath>

#include "tests/support/jacobian.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

LipschitzNetOptions options_of(int64_t channels, int64_t side, std::vector<int64_t> kernels,
                               double coefficient = 0.9) {
  LipschitzNetOptions options;
  options.channels = channels;
  options.height = side;
  options.width = side + 1;
  options.hidden = 6;
  options.kernels = std::move(kernels);
  options.coefficient = coefficient;
  return options;
}

std::shared_ptr<LipschitzNet> net_of(const LipschitzNetOptions& options, double scale = 0.5) {
  torch::manual_seed(5);
  auto net = std::make_shared<LipschitzNet>(options);
  net->to(torch::kFloat64);
  perturb(*net, scale, 1);
  return net;
}

// Every shape of network: spreading and collecting, wide and narrow, with and without padding.
std::vector<LipschitzNetOptions> all_options() {
  std::vector<LipschitzNetOptions> all{options_of(2, 4, {3, 1, 3}), options_of(8, 3, {3, 3, 3}),
                                       options_of(5, 1, {1, 1}), options_of(3, 5, {5, 1, 1, 3})};
  all[0].activation = Activation::kElu;
  all[1].activation = Activation::kSoftplus;
  all[1].pre_activation = false;
  all[2].height = all[2].width = 1;
  return all;
}

torch::Tensor kernel_of(const torch::Tensor& weight, int64_t in, int64_t out, int64_t k) {
  return in <= out ? weight.view({k, k, in, out}).permute({3, 2, 0, 1})
                   : weight.view({in, k, k, out}).permute({3, 0, 1, 2});
}

torch::Tensor activation_of(const torch::Tensor& x, Activation kind) {
  if (kind == Activation::kElu) return torch::elu(x);
  if (kind == Activation::kSoftplus) return torch::softplus(x);
  return x * torch::sigmoid(x) / 1.1;
}

// The same network with LibTorch's operations. x: [N, C, H, W]. A collecting layer adds y[p + t]
// where conv2d adds x[p + t]; both are the convolution with its taps in the same order.
torch::Tensor plain(LipschitzNet& net, const LipschitzNetOptions& o, const torch::Tensor& x) {
  const auto parameters = net.named_parameters();
  auto h = x;
  for (size_t i = 0; i < o.kernels.size(); ++i) {
    const int64_t in = i == 0 ? o.channels : o.hidden;
    const int64_t out = i + 1 == o.kernels.size() ? o.channels : o.hidden;
    if (i > 0 || o.pre_activation) h = activation_of(h, o.activation);
    const auto kernel = kernel_of(parameters["weight" + std::to_string(i)], in, out, o.kernels[i]);
    h = torch::conv2d(h, kernel, parameters["bias" + std::to_string(i)], 1, o.kernels[i] / 2);
  }
  return h;
}

std::vector<double> norms_of(LipschitzNet& net, const LipschitzNetOptions& o) {
  std::vector<double> norms;
  for (size_t i = 0; i < o.kernels.size(); ++i) {
    const int64_t in = i == 0 ? o.channels : o.hidden;
    const int64_t out = i + 1 == o.kernels.size() ? o.channels : o.hidden;
    const auto weight = net.named_parameters()["weight" + std::to_string(i)].detach() *
                        net.named_buffers()["scale" + std::to_string(i)];
    norms.push_back(norm_of_operator(kernel_of(weight, in, out, o.kernels[i]), o.height, o.width));
  }
  return norms;
}

TEST(LipschitzNets, AreTheirFormula) {
  for (const auto& o : all_options()) {
    const auto net = net_of(o);
    const RowGrid grid{2, o.height, o.width};
    const auto x = normal_tensor({2, o.channels, o.height, o.width}, 3);
    const torch::NoGradGuard no_grad;
    expect_close(from_rows(net->value(to_rows(x), grid), grid), plain(*net, o, x), 1e-12);
  }
}

TEST(LipschitzNets, ProductsAreThoseOfAutograd) {
  for (const auto& o : all_options()) {
    const auto net = net_of(o);
    const RowGrid grid{2, o.height, o.width};
    auto x = normal_tensor({2, o.channels, o.height, o.width}, 3).requires_grad_(true);
    const auto rows = to_rows(x.detach());
    const auto a = normal_tensor(rows.sizes().vec(), 4), w = normal_tensor(rows.sizes().vec(), 5),
               v = normal_tensor(rows.sizes().vec(), 6);
    const auto image = [&](const torch::Tensor& t) { return from_rows(t, grid); };

    const auto g = plain(*net, o, x);
    const auto at = net->linearize(rows, grid, 2);
    const auto vjp = torch::autograd::grad({g}, {x}, {image(w)}, true, true)[0];
    expect_close(image(at->vjp(w)), vjp.detach(), 1e-12);
    // The first sample alone.
    expect_close(at->vjp(w.narrow(0, 0, rows.size(0) / 2).contiguous()),
                 at->vjp(w).narrow(0, 0, rows.size(0) / 2), 1e-12);

    // <a, g> + <w, J v> = <a, g> + <J^T w, v>
    const auto parameters = net->parameters();
    std::vector<torch::Tensor> inputs{x};
    inputs.insert(inputs.end(), parameters.begin(), parameters.end());
    const auto loss = (g * image(a)).sum() + (vjp * image(v)).sum();
    const auto expected = torch::autograd::grad({loss}, inputs, {}, false, false, true);
    std::vector<torch::Tensor> gradients;
    for (const auto& p : parameters) gradients.push_back(torch::zeros_like(p));
    const torch::NoGradGuard no_grad;
    expect_close(image(at->backward(a, w, v, gradients)), expected[0], 1e-10);
    for (size_t i = 0; i < parameters.size(); ++i) {
      expect_close(gradients[i], expected[i + 1], 1e-10);
    }
  }
}

TEST(LipschitzNets, CertifiedNormsAreNeverBelowTheSingularValues) {
  for (const auto& o : all_options()) {
    const auto net = net_of(o);
    EXPECT_GT(net->certify(), 1);  // moved by noise, the weights are too large
    double product = 1;
    for (const double norm : norms_of(*net, o)) {
      EXPECT_LE(norm, o.coefficient);
      product *= norm;
    }
    EXPECT_LE(product, net->lipschitz_bound());
    EXPECT_LE(net->lipschitz_bound(),
              std::pow(o.coefficient, static_cast<double>(o.kernels.size())) * (1 + 1e-12));
    EXPECT_LE(net->certify(), 1 + 1e-12);
  }
}

TEST(LipschitzNets, WithoutCoefficientTheBoundIsThatOfTheWeights) {
  const auto o = options_of(2, 4, {3, 1, 3}, 0);
  const auto net = net_of(o);
  EXPECT_TRUE(std::isinf(net->lipschitz_bound()));
  EXPECT_EQ(net->certify(), 1);
  double product = 1;
  for (size_t i = 0; i < 3; ++i) {
    const auto weight = net->named_parameters()["weight" + std::to_string(i)].detach();
    const int64_t in = i == 0 ? 2 : 6, out = i == 2 ? 2 : 6;
    product *= norm_of_operator(kernel_of(weight, in, out, o.kernels[i]), o.height, o.width);
  }
  EXPECT_GE(net->lipschitz_bound(), product);
  EXPECT_LE(net->lipschitz_bound(), product * 1.5);
}

// The estimate comes from below; calibrated, and with many steps, it meets the certificate.
TEST(LipschitzNets, PowerIterationsKeepTheNormAtTheCoefficient) {
  for (auto o : all_options()) {
    o.always_scale = true;
    const auto net = net_of(o);
    // As many as two singular values 0.2 % apart need.
    for (int step = 0; step < 5000; ++step) net->constrain(false);
    for (const double norm : norms_of(*net, o)) EXPECT_NEAR(norm, o.coefficient, 1e-6);
    net->constrain(true);
    for (const double norm : norms_of(*net, o)) EXPECT_LE(norm, o.coefficient * (1 + 1e-9));
    net->certify();
    for (const double norm : norms_of(*net, o)) EXPECT_LE(norm, o.coefficient);
  }
}

TEST(LipschitzNets, SmallWeightsAreLeftAloneUnlessScaledAlways) {
  auto o = options_of(2, 4, {3, 1, 3});
  for (const bool always : {false, true}) {
    o.always_scale = always;
    const auto net = net_of(o, 0);
    torch::NoGradGuard no_grad;
    for (auto& p : net->parameters()) p.mul_(0.01);
    const auto before = net->parameters()[0].clone();
    net->constrain(true);
    EXPECT_EQ(net->named_buffers()["scale0"].item<double>() == 1, !always);
    net->certify();
    EXPECT_EQ(torch::equal(before, net->parameters()[0]), !always);
  }
}

// Certifying multiplies the scales in: nothing but the exactness of the norm changes.
TEST(LipschitzNets, CertifyingKeepsTheFunction) {
  const auto o = options_of(2, 4, {3, 1, 3});
  const auto net = net_of(o);
  for (int step = 0; step < 5000; ++step) net->constrain(false);
  net->constrain(true);
  const RowGrid grid{2, o.height, o.width};
  const auto x = to_rows(normal_tensor({2, 2, 4, 5}, 3));
  const auto before = net->value(x, grid);
  net->certify();
  expect_close(net->value(x, grid), before, 1e-5);
  EXPECT_LE(net->certify(), 1);
}

// The scale follows the norm, so the length of a weight above the bound does not matter: the
// gradient has no part along the weight.
TEST(LipschitzNets, GradientsAreThoseOfNormalisedWeights) {
  auto o = options_of(2, 4, {3, 1, 3});
  const auto net = net_of(o);
  for (int step = 0; step < 5000; ++step) net->constrain(false);
  const RowGrid grid{2, o.height, o.width};
  const auto x = to_rows(normal_tensor({2, 2, 4, 5}, 3)),
             a = to_rows(normal_tensor({2, 2, 4, 5}, 4));
  std::vector<torch::Tensor> gradients;
  for (const auto& p : net->parameters()) gradients.push_back(torch::zeros_like(p));
  net->linearize(x, grid, 1)->backward(a, {}, {}, gradients);
  size_t i = 0;
  for (auto& p : net->parameters()) p.mutable_grad() = gradients[i++];
  net->project_gradients();
  const auto loss = [&] { return (net->value(x, grid) * a).sum().item<double>(); };
  auto weight = net->named_parameters()["weight0"];
  EXPECT_NEAR((weight.grad() * weight).sum().item<double>(), 0, 1e-12);
  const torch::NoGradGuard no_grad;
  const auto direction = normal_tensor(weight.sizes().vec(), 5), start = weight.clone();
  constexpr double kStep = 1e-5;
  const auto at = [&](double step) {
    weight.copy_(start + step * direction);
    for (int k = 0; k < 500; ++k) net->constrain(false);
    return loss();
  };
  EXPECT_NEAR((weight.grad() * direction).sum().item<double>(),
              (at(kStep) - at(-kStep)) / (2 * kStep), 1e-5);
}

TEST(LipschitzNets, Bfloat16IsCloseToFloat32) {
  for (const auto& o : all_options()) {
    const auto net = net_of(o);
    net->certify();
    net->to(torch::kFloat32);
    const RowGrid grid{2, o.height, o.width};
    const auto rows = [&](uint64_t seed) {
      return to_rows(normal_tensor({2, o.channels, o.height, o.width}, seed, torch::kFloat32));
    };
    const auto x = rows(3), w = rows(4), v = rows(5);
    const auto run = [&](bool bfloat16) {
      net->set_bfloat16(bfloat16);
      const auto at = net->linearize(x, grid, 2);
      std::vector<torch::Tensor> results{at->value(), at->vjp(w)};
      std::vector<torch::Tensor> gradients;
      for (const auto& p : net->parameters()) gradients.push_back(torch::zeros_like(p));
      results.push_back(at->backward(v, w, v, gradients));
      results.push_back(net->linearize(x, grid, 1)->backward(v, {}, {}, gradients));
      results.insert(results.end(), gradients.begin(), gradients.end());
      return results;
    };
    const auto wide = run(false), narrow = run(true);
    for (size_t i = 0; i < wide.size(); ++i) {
      // Each layer rounds its inputs, weights and outputs to 8 bits, twice there and back.
      expect_close(narrow[i], wide[i], 0.06 * (1 + wide[i].abs().max().item<double>()));
    }
    EXPECT_FALSE(torch::equal(narrow[0], wide[0]));
  }
}

// What a solver sees has all digits, whatever the training's precision.
TEST(LipschitzNets, SmoothOnesAreNeverBFloat16) {
  torch::manual_seed(1);
  LipschitzNet net(smooth_net_options(3, 4, 4, 16, {3, 1, 3}));
  const auto x = normal_tensor({16, 3}, 2).to(torch::kFloat32);
  const auto before = net.value(x, {1, 4, 4});
  net.set_bfloat16(true);
  EXPECT_TRUE(torch::equal(net.value(x, {1, 4, 4}), before));
}

}  // namespace
}  // namespace pie

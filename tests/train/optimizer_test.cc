// Adam against the formulas of the paper in double, and parameters as views of one vector.
#include "lib/train/optimizer.h"

#include <cmath>

#include "tests/support/tensors.h"

namespace pie {
namespace {

struct Module final : torch::nn::Module {
  Module() {
    a = register_parameter("a", normal_tensor({3, 4}, 1, torch::kFloat32));
    inner = register_module("inner", std::make_shared<Inner>());
  }
  struct Inner final : torch::nn::Module {
    Inner() {
      b = register_parameter("b", normal_tensor({5}, 2, torch::kFloat32));
      none = register_parameter("none", torch::zeros({0, 3}));
      c = register_parameter("c", normal_tensor({2, 1}, 3, torch::kFloat32));
    }
    torch::Tensor b, none, c;
  };
  torch::Tensor a;
  std::shared_ptr<Inner> inner;
};

TEST(FlatParameter, ParametersBecomeViews) {
  Module module;
  const auto a = module.a.clone(), b = module.inner->b.clone(), c = module.inner->c.clone();
  FlatParameters flat(module);
  ASSERT_EQ(flat.values.numel(), 19);
  EXPECT_TRUE(torch::equal(module.a, a));
  EXPECT_TRUE(torch::equal(flat.values, torch::cat({a.view(-1), b, c.view(-1)})));
  const torch::NoGradGuard no_grad;
  flat.values.mul_(2);
  EXPECT_TRUE(torch::equal(module.a, 2 * a));
  module.inner->b.fill_(7);
  EXPECT_EQ(flat.values.slice(0, 12, 17).min().item<float>(), 7);
}

TEST(FlatParameter, GradientsArriveInTheVector) {
  Module module;
  FlatParameters flat(module);
  for (int pass = 1; pass <= 2; ++pass) {
    (module.a.sum() * 2 + (module.inner->b * module.inner->b).sum()).backward();
    EXPECT_TRUE(torch::equal(flat.gradients[0].slice(0, 0, 12), torch::full({12}, 2.0 * pass)));
    expect_close(flat.gradients[0].slice(0, 12, 17), module.inner->b.detach() * 2 * pass, 1e-6);
    EXPECT_EQ(flat.gradients[0].slice(0, 17).abs().max().item<float>(), 0);
  }
}

TEST(FlatParameter, NamesOfElements) {
  Module module;
  const FlatParameters flat(module);
  EXPECT_EQ(flat.name_at(0), "a");
  EXPECT_EQ(flat.name_at(11), "a");
  EXPECT_EQ(flat.name_at(12), "inner.b");
  EXPECT_EQ(flat.name_at(16), "inner.b");
  EXPECT_EQ(flat.name_at(17), "inner.c");
  EXPECT_EQ(flat.name_at(18), "inner.c");
}

// Adam, clipping and averaging for all parameters, one number at a time.
struct Reference {
  std::vector<double> value, m, v, average;
  int step = 0;

  explicit Reference(const torch::Tensor& start) {
    for (int64_t i = 0; i < start.numel(); ++i) value.push_back(start[i].item<double>());
    m.resize(value.size());
    v.resize(value.size());
    average = value;
  }

  void update(const torch::Tensor& gradient, double rate, const OptimizerOptions& o) {
    ++step;
    double norm = 0;
    for (int64_t i = 0; i < gradient.numel(); ++i) {
      norm += std::pow(gradient[i].item<double>(), 2);
    }
    norm = std::sqrt(norm);
    const double scale = o.clip_norm > 0 && norm > o.clip_norm ? o.clip_norm / norm : 1;
    const double decay = std::min(o.ema_decay, (1.0 + step) / (10.0 + step));
    for (size_t i = 0; i < value.size(); ++i) {
      const double g = gradient[static_cast<int64_t>(i)].item<double>() * scale;
      m[i] = o.beta1 * m[i] + (1 - o.beta1) * g;
      v[i] = o.beta2 * v[i] + (1 - o.beta2) * g * g;
      const double m_hat = m[i] / (1 - std::pow(o.beta1, step));
      const double v_hat = v[i] / (1 - std::pow(o.beta2, step));
      value[i] -= rate * m_hat / (std::sqrt(v_hat) + o.epsilon);
      average[i] = decay * average[i] + (1 - decay) * value[i];
    }
  }
};

TEST(AdamOptimizer, IsThePapersAlgorithm) {
  for (const double clip_norm : {0.0, 1.0, 100.0}) {
    Module module;
    FlatParameters flat(module);
    OptimizerOptions options;
    options.clip_norm = clip_norm;
    options.ema_decay = 0.3;  // below the warm-up's value from the third step on
    Optimizer adam(flat, options);
    Reference reference(flat.values);
    for (int step = 0; step < 30; ++step) {
      const auto gradient =
          normal_tensor({19}, 10 + static_cast<uint64_t>(step), torch::kFloat32) * 2;
      flat.gradients[0].copy_(gradient);
      EXPECT_NEAR(adam.step(0.01), gradient.to(torch::kFloat64).norm().item<double>(), 1e-9);
      reference.update(gradient, 0.01, options);
    }
    EXPECT_EQ(adam.steps, 30);
    // 30 float32 updates of values of size 3.
    expect_close(flat.values.to(torch::kFloat64), torch::tensor(reference.value, torch::kFloat64),
                 30 * 3 * 1.2e-7);
    expect_close(adam.average.to(torch::kFloat64),
                 torch::tensor(reference.average, torch::kFloat64), 30 * 3 * 1.2e-7);
  }
}

TEST(AdamOptimizer, ReplicasShareValuesAndAddTheirGradients) {
  Module first, second;
  FlatParameters flat(first);
  flat.add_replica(second);
  EXPECT_TRUE(torch::equal(first.a, second.a));
  (first.a.sum() * 2).backward();
  (second.a.sum() * 3 + second.inner->b.sum()).backward();
  EXPECT_EQ(flat.gradients[0].slice(0, 12).abs().max().item<float>(), 0);
  Optimizer adam(flat, {});
  const auto before = flat.values.clone();
  EXPECT_NEAR(adam.step(0.25), std::sqrt(12 * 25 + 5), 1e-9);
  for (const auto& gradient : flat.gradients) EXPECT_EQ(gradient.abs().max().item<float>(), 0);
  auto expected = torch::full({19}, -0.25);
  expected.slice(0, 17).zero_();
  expect_close(flat.values - before, expected, 1e-5);
  EXPECT_TRUE(torch::equal(first.a, second.a));
}

TEST(AdamOptimizer, FirstStepHasTheSizeOfTheLearningRate) {
  Module module;
  FlatParameters flat(module);
  Optimizer adam(flat, {});
  const auto before = flat.values.clone();
  flat.gradients[0].copy_(torch::linspace(-3, 3, 19));
  flat.gradients[0][9] = 0;
  adam.step(0.25);
  auto expected = torch::full({19}, -0.25);
  expected.slice(0, 0, 9).neg_();
  expected[9] = 0;
  expect_close(flat.values - before, expected, 1e-5);
}

// Singular vectors stay, and singular values come near 1: within 0.3, as the fifth-order steps do.
TEST(Muon, OrthogonalizesMatrices) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{20, 33}, {33, 20}, {16, 16}}) {
    const auto m = normal_tensor({rows, columns}, 3, torch::kFloat32);
    const auto o = orthogonalized(m).to(torch::kFloat64);
    ASSERT_EQ(o.sizes(), m.sizes());
    const auto [u, s, v] = torch::svd(m.to(torch::kFloat64));
    const auto rotated = u.t().mm(o).mm(v);
    const auto diagonal = rotated.diag();
    expect_close(rotated, torch::diag(diagonal), 1e-4);
    EXPECT_LT((diagonal - 1).abs().max().item<double>(), 0.35);
    expect_close(orthogonalized(1000 * m), orthogonalized(m), 1e-3);
  }
  EXPECT_EQ(orthogonalized(torch::zeros({16, 20})).abs().max().item<float>(), 0);
  // So small that squares are 0.
  EXPECT_LT(orthogonalized(torch::full({16, 20}, 1e-25F)).abs().max().item<float>(), 1e-6);
}

// Singular values from 1 to a hundredth: rounding, some 1e-7, grows by at most 3.4445^5.
TEST(Muon, OrthogonalizesWhatIsNearlySingular) {
  const auto [u, s, v] = torch::svd(normal_tensor({24, 60}, 5, torch::kFloat64));
  const auto m = u.mm(torch::diag(torch::logspace(0, -2, 24, 10, torch::kFloat64))).mm(v.t());
  const auto rotated = u.t().mm(orthogonalized(m.to(torch::kFloat32)).to(torch::kFloat64)).mm(v);
  expect_close(rotated, torch::diag(rotated.diag()), 1e-3);
  EXPECT_LT((rotated.diag() - 1).abs().max().item<double>(), 0.35);
}

struct Matrices final : torch::nn::Module {
  Matrices() {
    first = register_parameter("first", normal_tensor({3}, 1, torch::kFloat32));
    matrix = register_parameter("matrix", normal_tensor({16, 2, 3, 3}, 2, torch::kFloat32));
    narrow = register_parameter("narrow", normal_tensor({15, 40}, 3, torch::kFloat32));
    last = register_parameter("last", normal_tensor({40, 16}, 4, torch::kFloat32));
  }
  torch::Tensor first, matrix, narrow, last;
};

// Matrices of some size move by Nesterov's momentum, orthogonalized; all else as Adam moves it.
TEST(Muon, MovesMatricesAlone) {
  constexpr double kRate = 0.01, kMomentum = 0.95;
  OptimizerOptions options;
  options.weight_decay = 0.1;
  Matrices both, alone;
  FlatParameters by_muon(both), by_adam(alone);
  Optimizer adam(by_adam, options);
  options.muon = true;
  Optimizer muon(by_muon, options);
  auto momentum = torch::zeros({40, 16});
  for (int step = 0; step < 4; ++step) {
    const auto before = both.last.detach().clone();
    const auto gradient =
        normal_tensor({by_muon.values.numel()}, 20 + static_cast<uint64_t>(step), torch::kFloat32);
    by_muon.gradients[0].copy_(gradient);
    by_adam.gradients[0].copy_(gradient);
    const auto own = both.last.grad() / gradient.norm().item<float>();  // clipped
    momentum = kMomentum * momentum + own;
    const auto expected =
        before * (1 - kRate * options.weight_decay) -
        kRate * 0.2 * std::sqrt(40.0) * orthogonalized(own + kMomentum * momentum);
    EXPECT_EQ(muon.step(kRate), adam.step(kRate));
    expect_close(both.last.detach(), expected, 1e-5);
  }
  EXPECT_TRUE(torch::equal(both.first, alone.first));
  EXPECT_TRUE(torch::equal(both.narrow, alone.narrow));
  EXPECT_FALSE(torch::equal(both.matrix, alone.matrix));
  EXPECT_EQ(by_muon.gradients[0].abs().max().item<float>(), 0);
}

TEST(AdamOptimizer, WhatIsNotFiniteChangesNothing) {
  for (const float bad : {NAN, INFINITY}) {
    Module module;
    FlatParameters flat(module);
    Optimizer adam(flat, {});
    flat.gradients[0].fill_(1);
    adam.step(0.1);
    const auto values = flat.values.clone(), m = adam.first_moment.clone(),
               v = adam.second_moment.clone(), average = adam.average.clone();
    flat.gradients[0][5] = bad;
    EXPECT_FALSE(std::isfinite(adam.step(0.1)));
    EXPECT_EQ(adam.steps, 1);
    EXPECT_TRUE(torch::equal(flat.values, values));
    EXPECT_TRUE(torch::equal(adam.first_moment, m));
    EXPECT_TRUE(torch::equal(adam.second_moment, v));
    EXPECT_TRUE(torch::equal(adam.average, average));
  }
}

}  // namespace
}  // namespace pie

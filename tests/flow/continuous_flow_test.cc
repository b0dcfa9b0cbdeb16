// Continuous flows against closed forms, and their estimates against the exact trace.
#include "lib/flow/continuous_flow.h"

#include <numeric>

#include "lib/base/error.h"
#include "lib/nets/lipschitz_net.h"
#include "tests/support/gradients.h"

namespace pie {
namespace {

// f(x, t) = A x + b t on rows [M, C + 1] whose last column is t, with A and b as one matrix.
class LinearMap final : public ContractiveMap {
 public:
  explicit LinearMap(torch::Tensor matrix) {
    matrix_ = register_parameter("matrix", matrix, false);
  }

  class At final : public Linearization {
   public:
    At(torch::Tensor matrix, const torch::Tensor& x)
        : matrix_(std::move(matrix)), value_(x.mm(matrix_)) {}
    const torch::Tensor& value() const override { return value_; }
    torch::Tensor vjp(const torch::Tensor& w) const override { return w.mm(matrix_.t()); }
    torch::Tensor backward(const torch::Tensor& a, const torch::Tensor&, const torch::Tensor&,
                           std::vector<torch::Tensor>&) const override {
      return a.defined() ? a.mm(matrix_.t()) : torch::zeros_like(value_);
    }

   private:
    torch::Tensor matrix_, value_;
  };

  torch::Tensor value(const torch::Tensor& x, const RowGrid&) const override {
    return x.mm(matrix_);
  }
  std::unique_ptr<Linearization> linearize(const torch::Tensor& x, const RowGrid&,
                                           int) const override {
    return std::make_unique<At>(matrix_, x);
  }
  int64_t rows_at_once() const override { return 12; }
  double lipschitz_bound() const override { return INFINITY; }
  double certify() override { return 1; }
  void constrain(bool) override {}
  void project_gradients() override {}

 private:
  torch::Tensor matrix_;
};

// x(1) = exp(A) x + (integral of exp(A (1 - t)) b t), as one exponential of a larger matrix.
TEST(ContinuousFlows, SolveLinearEquations) {
  constexpr int64_t kChannels = 3;
  auto matrix = normal_tensor({kChannels + 1, kChannels + 1}, 1);
  matrix.select(1, kChannels).zero_();  // the output that is not used
  const auto make_map = [&](int64_t, int64_t, int64_t) {
    return std::make_shared<LinearMap>(matrix);
  };
  // d/dt [x, t, 1] = [x, t, 1] G.
  auto generator = torch::zeros({kChannels + 2, kChannels + 2}, torch::kFloat64);
  generator.narrow(0, 0, kChannels + 1).narrow(1, 0, kChannels + 1).copy_(matrix);
  generator[kChannels + 1][kChannels] = 1;
  const auto flow_of_one = torch::matrix_exp(generator);
  const auto x = normal_tensor({5, kChannels, 2, 3}, 2);
  const auto rows = to_rows(x);
  const auto extended = torch::cat({rows, torch::zeros({rows.size(0), 1}, torch::kFloat64),
                                    torch::ones({rows.size(0), 1}, torch::kFloat64)},
                                   1);
  const auto expected = from_rows(extended.mm(flow_of_one).narrow(1, 0, kChannels), {5, 2, 3});
  const double trace = 6 * matrix.diagonal().narrow(0, 0, kChannels).sum().item<double>();

  double evaluations = 0;
  for (const double tolerance : {1e-3, 1e-6, 1e-9}) {
    ContinuousFlow flow({kChannels, 2, 3}, 0, tolerance, make_map);
    const auto mapped = flow.forward(x);
    // Errors of steps add up, and grow as the flow itself does.
    const double growth = flow_of_one.abs().sum().item<double>();
    const double allowed = 10 * growth * tolerance;
    EXPECT_LT((mapped.value - expected).abs().max().item<double>(), allowed);
    EXPECT_LT((mapped.log_det - trace).abs().max().item<double>(), 1e-10);
    EXPECT_LT((flow.inverse(expected) - x).abs().max().item<double>(), allowed * growth);
    const double needed = mapped.evaluations.mean().item<double>();
    EXPECT_GT(needed, evaluations) << "a smaller tolerance needs more steps";
    evaluations = needed;
  }
}

std::shared_ptr<ContinuousFlow> make_flow(Shape in) {
  torch::manual_seed(3);
  const auto make_map = [](int64_t channels, int64_t height, int64_t width) {
    return std::make_shared<LipschitzNet>(
        smooth_net_options(channels, height, width, 8, {3, 1, 3}));
  };
  auto flow = std::make_shared<ContinuousFlow>(in, 5, 1e-8, make_map);
  flow->to(torch::kFloat64);
  perturb(*flow, 0.3, 4);
  return flow;
}

LogDetEstimator keyed_estimator(int64_t items, uint64_t first_key) {
  LogDetEstimator how;
  how.method = LogDetEstimator::Method::kRoulette;
  how.keys.resize(static_cast<size_t>(items));
  std::iota(how.keys.begin(), how.keys.end(), first_key);
  return how;
}

TEST(ContinuousFlows, EstimatedTracesAreRightInTheMean) {
  const torch::NoGradGuard no_grad;
  const auto flow = make_flow({2, 3, 3});
  constexpr int64_t kDraws = 400;
  const auto x = normal_tensor({1, 2, 3, 3}, 6);
  const double exact = flow->forward(x).log_det.item<double>();
  const auto estimates =
      flow->forward(x.repeat({kDraws, 1, 1, 1}), keyed_estimator(kDraws, 0)).log_det;
  const double error = estimates.std().item<double>() / std::sqrt(kDraws);
  EXPECT_GT(error, 0);
  EXPECT_NEAR(estimates.mean().item<double>(), exact, 5 * error);
}

TEST(ContinuousFlows, EstimatesDependOnTheirKeyAlone) {
  const torch::NoGradGuard no_grad;
  const auto flow = make_flow({2, 3, 3});
  const auto x = normal_tensor({6, 2, 3, 3}, 7);
  const auto all = flow->forward(x, keyed_estimator(6, 10));
  for (int64_t i = 0; i < 6; ++i) {
    const auto alone =
        flow->forward(x.narrow(0, i, 1), keyed_estimator(1, 10 + static_cast<uint64_t>(i)));
    expect_close(alone.value, all.value.narrow(0, i, 1), 1e-12);
    expect_close(alone.log_det, all.log_det.narrow(0, i, 1), 1e-12);
    EXPECT_EQ(alone.evaluations.item<double>(), all.evaluations[i].item<double>());
  }
}

// <dJ> of the estimate has a gradient of its own, that of the trace's estimate.
TEST(ContinuousFlows, GradientsOfEstimatesAreRight) {
  const auto flow = make_flow({2, 3, 2});
  auto how = keyed_estimator(2, 0);
  how.probes = 2;
  auto x = normal_tensor({2, 2, 3, 2}, 8).requires_grad_(true);
  const auto loss = [&] {
    const auto mapped = flow->forward(x, how);
    return mapped.log_det.sum() + mapped.value.square().sum();
  };
  auto variables = flow->named_parameters();
  variables.insert("x", x);
  // Steps are chosen by x, at a tolerance of 1e-8.
  expect_right_gradients(variables, loss, 1e-5, 1e-4);
}

TEST(ContinuousFlows, WhatNeverEndsIsAnError) {
  const auto flow = make_flow({2, 3, 3});
  EXPECT_THROW(flow->forward(torch::full({1, 2, 3, 3}, NAN, torch::kFloat64)), ConvergenceError);
  const auto make_map = [](int64_t, int64_t, int64_t) -> std::shared_ptr<ContractiveMap> {
    return nullptr;
  };
  EXPECT_THROW(ContinuousFlow({2, 3, 3}, 0, 0, make_map), UsageError);
}

}  // namespace
}  // namespace pie

// The contract of lib/flow/bijection.h as tests, to be instantiated with every Bijection there is:
// INSTANTIATE_TEST_SUITE_P(Flow, BijectionContract, testing::Values(...)). Mathematics is tested in
// float64, where rounding cannot hide a wrong formula.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <memory>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/flow/bijection.h"
#include "tests/support/gradients.h"
#include "tests/support/jacobian.h"
#include "tests/support/tensors.h"

namespace pie {

struct BijectionCase {
  std::string name;
  std::function<std::shared_ptr<Bijection>()> make;  // at most 64 elements a sample
  bool unit_interval = false;                        // the domain is (0, 1) instead of all numbers
  std::function<void(Bijection&)> constrain =
      {};  // puts moved weights back to where they are allowed
};

inline void PrintTo(const BijectionCase& test_case, std::ostream* out) { *out << test_case.name; }

class BijectionContract : public testing::TestWithParam<BijectionCase> {
 protected:
  static constexpr int64_t kSamples = 3;

  BijectionContract() {
    torch::manual_seed(7);
    layer_ = GetParam().make();
    layer_->to(torch::kFloat64);
    perturb(*layer_, 0.3, 100);
    if (GetParam().constrain) GetParam().constrain(*layer_);
  }

  static std::vector<int64_t> batch_of(Shape shape, int64_t samples = kSamples) {
    return {samples, shape.channels, shape.height, shape.width};
  }

  torch::Tensor samples(uint64_t seed) const {
    const auto shape = batch_of(layer_->input_shape());
    return GetParam().unit_interval ? uniform_tensor(shape, 0.02, 0.98, seed)
                                    : normal_tensor(shape, seed);
  }

  // The Jacobian of `f`, which maps batches to batches, as [N, out, N, in].
  static torch::Tensor batch_jacobian(const TensorMap& f, const torch::Tensor& x) {
    const int64_t n = x.size(0), elements = x.numel() / n;
    return jacobian(f, x).view({n, elements, n, elements});
  }

  // Every entry that links two different samples.
  static void expect_block_diagonal(const torch::Tensor& jacobian) {
    for (int64_t i = 0; i < kSamples; ++i) {
      for (int64_t j = 0; j < kSamples; ++j) {
        if (i == j) continue;
        EXPECT_EQ(jacobian[i].select(1, j).abs().max().item<double>(), 0)
            << "sample " << i << " depends on sample " << j;
      }
    }
  }

  std::shared_ptr<Bijection> layer_;
};

TEST_P(BijectionContract, ShapesTypesAndFiniteValues) {
  const auto x = samples(1);
  const auto mapped = layer_->forward(x);
  EXPECT_EQ(layer_->input_shape().elements(), layer_->output_shape().elements());
  EXPECT_EQ(mapped.value.sizes(), batch_of(layer_->output_shape()));
  EXPECT_EQ(mapped.log_det.sizes(), torch::IntArrayRef({kSamples}));
  EXPECT_EQ(mapped.value.scalar_type(), torch::kFloat64);
  EXPECT_EQ(mapped.log_det.scalar_type(), torch::kFloat64);
  EXPECT_EQ(mapped.value.device(), x.device());
  EXPECT_EQ(mapped.log_det.device(), x.device());
  EXPECT_TRUE(all_finite(mapped.value));
  EXPECT_TRUE(all_finite(mapped.log_det));
  EXPECT_EQ(layer_->inverse(mapped.value).sizes(), x.sizes());
}

TEST_P(BijectionContract, RoundTripsBothWays) {
  const auto x = samples(2);
  expect_close(layer_->inverse(layer_->latent(x)), x, 1e-10);
  const auto z = normal_tensor(batch_of(layer_->output_shape()), 3);
  expect_close(layer_->latent(layer_->inverse(z)), z, 1e-10);
}

TEST_P(BijectionContract, LatentIsTheValueOfForward) {
  const auto x = samples(4);
  EXPECT_TRUE(torch::equal(layer_->forward(x).value, layer_->latent(x)));
}

TEST_P(BijectionContract, LogDetIsThatOfTheJacobianAndSamplesAreIndependent) {
  const auto x = samples(5);
  const auto forward = batch_jacobian([&](const auto& v) { return layer_->latent(v); }, x);
  expect_block_diagonal(forward);
  const auto mapped = layer_->forward(x);
  const auto backward =
      batch_jacobian([&](const auto& v) { return layer_->inverse(v); }, mapped.value.detach());
  expect_block_diagonal(backward);
  for (int64_t n = 0; n < kSamples; ++n) {
    const double log_det = mapped.log_det[n].item<double>();
    EXPECT_NEAR(log_det, log_abs_det(forward[n].select(1, n)), 1e-9);
    EXPECT_NEAR(log_det, -log_abs_det(backward[n].select(1, n)), 1e-9);
  }
}

TEST_P(BijectionContract, AutogradAgreesWithFiniteDifferences) {
  const auto x = samples(6).narrow(0, 0, 1);
  const auto latent = [&](const torch::Tensor& v) { return layer_->latent(v); };
  expect_close(jacobian(latent, x), jacobian_by_differences(latent, x), 1e-7);
}

// The layers' backward passes are partly written by hand, so each gradient is compared with a
// difference quotient along a random direction.
TEST_P(BijectionContract, GradientsAreFiniteAndRight) {
  auto x = samples(7).requires_grad_(true);
  const auto w = normal_tensor(batch_of(layer_->output_shape()), 8);
  const auto v = normal_tensor({kSamples}, 9);
  const auto loss = [&] {
    const auto mapped = layer_->forward(x);
    return (mapped.value * w).sum() + (mapped.log_det * v).sum();
  };
  auto variables = layer_->named_parameters();
  variables.insert("x", x);
  expect_right_gradients(variables, loss, 1e-6, 1e-7);
}

TEST_P(BijectionContract, TrainingModeChangesNothing) {
  const auto x = samples(11);
  layer_->train();
  const auto training = layer_->forward(x);
  const auto training_inverse = layer_->inverse(training.value);
  layer_->eval();
  const auto evaluation = layer_->forward(x);
  EXPECT_TRUE(torch::equal(training.value, evaluation.value));
  EXPECT_TRUE(torch::equal(training.log_det, evaluation.log_det));
  EXPECT_TRUE(torch::equal(training_inverse, layer_->inverse(evaluation.value)));
}

TEST_P(BijectionContract, SavingKeepsEveryBit) {
  std::stringstream stream;
  torch::serialize::OutputArchive saved;
  layer_->save(saved);
  saved.save_to(stream);
  torch::manual_seed(8);
  const auto copy = GetParam().make();
  copy->to(torch::kFloat64);
  torch::serialize::InputArchive loaded;
  loaded.load_from(stream);
  copy->load(loaded);
  const auto x = samples(12);
  const auto a = layer_->forward(x), b = copy->forward(x);
  EXPECT_TRUE(torch::equal(a.value, b.value));
  EXPECT_TRUE(torch::equal(a.log_det, b.log_det));
}

TEST_P(BijectionContract, WrongShapesAreNamed) {
  const auto expect_named = [&](Shape expected, const auto& call) {
    auto sizes = batch_of(expected);
    std::vector<std::vector<int64_t>> wrong;
    for (size_t d = 1; d < 4; ++d) {
      wrong.push_back(sizes);
      wrong.back()[d] += 1;
    }
    wrong.push_back({sizes[1], sizes[2], sizes[3]});
    wrong.push_back({sizes[0], sizes[1], sizes[2], sizes[3], 1});
    for (const auto& shape : wrong) {
      std::ostringstream got;
      got << torch::IntArrayRef(shape);
      try {
        call(torch::zeros(shape, torch::kFloat64));
        ADD_FAILURE() << got.str() << " was accepted";
      } catch (const ShapeError& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find(to_string(expected)), std::string::npos) << text;
        EXPECT_NE(text.find(got.str()), std::string::npos) << text;
      }
    }
  };
  expect_named(layer_->input_shape(), [&](const auto& x) { layer_->forward(x); });
  expect_named(layer_->input_shape(), [&](const auto& x) { layer_->latent(x); });
  expect_named(layer_->output_shape(), [&](const auto& z) { layer_->inverse(z); });
}

// Rounding z by eps moves x by at most eps |z| times the row sums of the inverse's Jacobian; 64
// stands for the operations on the way.
TEST_P(BijectionContract, Float32RoundTrip) {
  const auto x = samples(13);
  const auto z = layer_->latent(x).detach();
  const auto slope = jacobian([&](const auto& v) { return layer_->inverse(v); }, z);
  const double condition = slope.abs().sum(1).max().item<double>();
  const double bound = 64 * std::numeric_limits<float>::epsilon() *
                       (x.abs().max().item<double>() + condition * z.abs().max().item<double>());
  layer_->to(torch::kFloat32);
  const auto x32 = x.to(torch::kFloat32);
  const auto mapped = layer_->forward(x32);
  EXPECT_EQ(mapped.value.scalar_type(), torch::kFloat32);
  EXPECT_EQ(mapped.log_det.scalar_type(), torch::kFloat32);
  expect_close(layer_->inverse(mapped.value), x32, bound);
}

}  // namespace pie

// Composition: order, sums of log-dets, shapes that must chain.
#include "lib/flow/sequence.h"

#include "lib/base/error.h"
#include "lib/flow/act_norm.h"
#include "lib/flow/householder.h"
#include "lib/flow/reshapes.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

TEST(SequenceLayer, AppliesItsStepsInOrder) {
  const Shape in{1, 4, 4}, cells{4, 2, 2};
  auto norm = std::make_shared<ActNorm>(cells);
  auto mix = std::make_shared<Householder>(cells, 2);
  auto cut = std::make_shared<Downsampling>(in);
  perturb(*norm, 0.5, 1);
  Sequence sequence(in, {cut, norm, mix});
  EXPECT_EQ(sequence.output_shape(), cells);
  const auto x = normal_tensor({2, 1, 4, 4}, 2, torch::kFloat32);
  const auto a = cut->forward(x), b = norm->forward(a.value), c = mix->forward(b.value);
  const auto mapped = sequence.forward(x);
  EXPECT_TRUE(torch::equal(mapped.value, c.value));
  EXPECT_TRUE(torch::equal(mapped.log_det, a.log_det + b.log_det + c.log_det));
  EXPECT_TRUE(sequence.named_parameters().contains("1.log_scale"));
}

TEST(SequenceLayer, StepsThatDoNotChainAreNamed) {
  const Shape in{1, 4, 4};
  try {
    Sequence(in, {std::make_shared<Downsampling>(in), std::make_shared<ActNorm>(in)});
    FAIL() << "accepted";
  } catch (const ShapeError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("step 1"), std::string::npos) << text;
    EXPECT_NE(text.find("1x4x4"), std::string::npos) << text;
    EXPECT_NE(text.find("4x2x2"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace pie

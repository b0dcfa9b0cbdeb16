// Every bijection of lib/flow keeps the one contract.
#include "lib/flow/bijection.h"

#include "lib/flow/act_norm.h"
#include "lib/flow/affine_coupling.h"
#include "lib/flow/autoregressive.h"
#include "lib/flow/continuous_flow.h"
#include "lib/flow/householder.h"
#include "lib/flow/lu_convolution.h"
#include "lib/flow/pre_transform.h"
#include "lib/flow/reshapes.h"
#include "lib/flow/residual_block.h"
#include "lib/flow/sequence.h"
#include "lib/nets/coupling_net.h"
#include "lib/nets/lipschitz_net.h"
#include "lib/nets/masked_net.h"
#include "tests/support/bijection_contract.h"

namespace pie {
namespace {

SubnetFactory subnets(int64_t kernel, int64_t depth = 1) {
  return [=](int64_t in, int64_t out) {
    return std::make_shared<CouplingNet>(CouplingNetOptions{in, out, 6, depth, kernel});
  };
}

template <typename Layer, typename... Arguments>
BijectionCase make_case(const std::string& name, Shape in, Arguments... arguments) {
  return {name, [=] { return std::make_shared<Layer>(in, arguments...); }};
}

template <typename Layer, typename... Arguments>
BijectionCase make_unit_case(const std::string& name, Shape in, Arguments... arguments) {
  return {name, [=] { return std::make_shared<Layer>(in, arguments...); }, true};
}

// A residual block, whose weights a test moves out of their bounds.
BijectionCase make_residual_case(const std::string& name, Shape in, std::vector<int64_t> kernels,
                                 Activation activation, bool pre_activation) {
  const auto make_map = [=](int64_t channels, int64_t height, int64_t width) {
    return std::make_shared<LipschitzNet>(LipschitzNetOptions{
        channels, height, width, 6, kernels, activation, pre_activation, 0.9, false});
  };
  return {name, [=] { return std::make_shared<ResidualBlock>(in, 0, make_map); }, false,
          [](Bijection& layer) { dynamic_cast<ResidualBlock&>(layer).map().constrain(true); }};
}

BijectionCase make_autoregressive_case(const std::string& name, Shape in, double scale_clamp,
                                       int64_t components, int64_t hidden, int64_t depth) {
  const auto make_net = [=](int64_t numbers, int64_t parameters) {
    return std::make_shared<MaskedNet>(MaskedNetOptions{numbers, parameters, hidden, depth});
  };
  return make_case<Autoregressive>(name, in, AutoregressiveOptions{scale_clamp, components},
                                   make_net);
}

BijectionCase make_continuous_case(const std::string& name, Shape in,
                                   std::vector<int64_t> kernels) {
  const auto make_map = [=](int64_t channels, int64_t height, int64_t width) {
    return std::make_shared<LipschitzNet>(smooth_net_options(channels, height, width, 6, kernels));
  };
  return make_case<ContinuousFlow>(name, in, uint64_t{0}, 1e-12, make_map);
}

std::shared_ptr<Bijection> make_sequence() {
  const Shape in{1, 8, 8}, cells{4, 4, 4}, flat{64, 1, 1};
  return std::make_shared<Sequence>(
      in, std::vector<std::shared_ptr<Bijection>>{
              std::make_shared<Downsampling>(in), std::make_shared<ActNorm>(cells),
              std::make_shared<Householder>(cells, 3),
              std::make_shared<AffineCoupling>(cells, 2.0, subnets(3)),
              std::make_shared<Flatten>(cells), std::make_shared<Householder>(flat, 3),
              std::make_shared<AffineCoupling>(flat, 0.0, subnets(1))});
}

INSTANTIATE_TEST_SUITE_P(
    Flow, BijectionContract,
    testing::Values(
        make_case<Downsampling>("Downsampling", {2, 4, 6}),
        make_case<Flatten>("Flatten", {2, 3, 4}), make_case<ActNorm>("ActNorm", {3, 4, 4}),
        make_case<ActNorm>("ActNormOfFeatures", {5, 1, 1}),
        make_case<Householder>("Householder", {6, 3, 3}, 3),
        make_case<Householder>("HouseholderOfOneChannel", {1, 2, 3}, 1),
        make_case<Householder>("HouseholderOfTwoChannels", {2, 1, 3}, 3),
        make_case<Householder>("HouseholderOfFeatures", {8, 1, 1}, 3),
        make_case<LuConvolution>("LuConvolution", {6, 3, 3}),
        make_case<LuConvolution>("LuConvolutionOfOneChannel", {1, 2, 3}),
        make_case<LuConvolution>("LuConvolutionOfFeatures", {8, 1, 1}),
        make_case<Reversal>("Reversal", {3, 2, 4}),
        make_case<Shuffle>("Shuffle", {5, 2, 3}, uint64_t{3}),
        make_autoregressive_case("Made", {7, 1, 1}, 2, 0, 12, 1),
        make_autoregressive_case("MadeOfImages", {2, 3, 2}, 1, 0, 9, 2),
        make_autoregressive_case("MadeWithFewUnits", {9, 1, 1}, 2, 0, 5, 0),
        make_autoregressive_case("MadeOfOneNumber", {1, 1, 1}, 2, 0, 4, 1),
        make_autoregressive_case("AdditiveMade", {6, 1, 1}, 0, 0, 8, 1),
        make_autoregressive_case("MadeOfMixtures", {5, 1, 1}, 0, 3, 10, 1),
        make_continuous_case("ContinuousFlow", {2, 4, 3}, {3, 1, 3}),
        make_continuous_case("ContinuousFlowOfFeatures", {5, 1, 1}, {1, 1, 1}),
        make_case<AffineCoupling>("ConvCoupling", {4, 4, 4}, 2.0, subnets(3)),
        make_case<AffineCoupling>("OddCoupling", {5, 3, 4}, 1.0, subnets(3)),
        make_case<AffineCoupling>("LinearCoupling", {9, 1, 1}, 2.0, subnets(1)),
        make_case<AffineCoupling>("AdditiveCoupling", {4, 3, 3}, 0.0, subnets(3)),
        make_case<AffineCoupling>("TwoChannelCoupling", {2, 5, 1}, 2.0, subnets(3, 0)),
        make_residual_case("ResidualBlock", {2, 4, 3}, {3, 1, 3}, Activation::kElu, true),
        make_residual_case("FirstResidualBlock", {1, 5, 4}, {3, 1, 3}, Activation::kLipSwish,
                           false),
        make_residual_case("WideResidualBlock", {8, 2, 2}, {3, 3, 3}, Activation::kSoftplus, true),
        make_residual_case("LinearResidualBlock", {9, 1, 1}, {1, 1, 1}, Activation::kLipSwish,
                           true),
        make_unit_case<AffinePreTransform>("AffinePreTransform", {2, 4, 4}, 2.5),
        make_unit_case<LogitPreTransform>("LogitPreTransform", {2, 4, 4}, 0.05),
        BijectionCase{"Sequence", make_sequence},
        make_case<Sequence>("EmptySequence", {2, 3, 3}, std::vector<std::shared_ptr<Bijection>>{})),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace pie

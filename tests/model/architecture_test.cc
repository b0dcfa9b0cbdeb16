// Every kind of model is made as its configuration says, and costs its reader what that says.
#include "lib/model/architecture.h"

#include <string>
#include <vector>

#include "tests/image/image_test_files.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

struct Kind {
  std::string name;
  Json changes;  // of the tiny preset
  Json preset() const {
    Json preset = tiny_preset();
    preset.merge_patch(changes);
    return preset;
  }
};

Json of_linear(const Json& changes) { return {{"linear", changes}}; }
Json of_conv(const Json& changes) { return {{"conv", changes}}; }

const Kind kMade{"made", of_linear({{"transform", "autoregressive"}, {"hidden", 40}})};
const Kind kContinuous{"continuous",
                       of_conv({{"transform", "continuous"}, {"tolerance", 1e-5}, {"hidden", 40}})};

std::vector<Kind> kinds() {
  return {{"tiny", Json::object()},
          {"lu", of_conv({{"mixing", "lu"}})},
          {"reversal", of_linear({{"mixing", "reversal"}})},
          {"shuffle", of_linear({{"mixing", "shuffle"}})},
          {"none", of_conv({{"mixing", "none"}})},
          kMade,
          {"additive made", of_linear({{"transform", "autoregressive"}, {"scale_clamp", 0.0}})},
          {"mixtures", of_linear({{"transform", "autoregressive"}, {"components", 64}})},
          {"made of maps", of_conv({{"transform", "autoregressive"}, {"hidden", 30}})},
          kContinuous,
          {"linear continuous", of_linear({{"transform", "continuous"}, {"tolerance", 1e-5}})}};
}

// A hostile file must not make its reader allocate much more than its own size.
TEST(Architectures, LeastParametersAreABoundAndNear) {
  for (const auto& kind : kinds()) {
    const auto preset = kind.preset();
    const auto model = make_model(preset);
    double count = 0;
    for (const auto& parameter : model->parameters()) {
      count += static_cast<double>(parameter.numel());
    }
    const double least = least_parameters(preset);
    EXPECT_LE(least, count) << kind.name;
    EXPECT_LE(count, 8 * least + 4096) << kind.name;
    for (const auto& buffer : model->buffers()) count -= static_cast<double>(buffer.numel());
    EXPECT_GT(count, 0) << kind.name << ": more beside the weights than in them";
  }
}

TEST(Architectures, ImagesComeBackFromAllLatents) {
  const torch::NoGradGuard no_grad;
  for (const auto& kind : kinds()) {
    const auto model = std::dynamic_pointer_cast<LatentModel>(random_model(kind.preset()));
    ASSERT_TRUE(model);
    const auto x = torch::rand({3, 1, 8, 8});
    const auto latents = model->latents(x);
    const auto back =
        model->decode(latents.z, [&](size_t l, const torch::Tensor&) { return latents.r[l]; });
    const bool solved = contains(kind.name, "continuous");
    EXPECT_LT((back - x).abs().max().item<double>(), solved ? 0.1 : 1e-3) << kind.name;
  }
}

TEST(Architectures, RecomputingNeedsFastInverses) {
  EXPECT_NO_THROW(make_model(tiny_preset())->set_recompute(true));
  for (const auto& kind : {kMade, kContinuous}) {
    const auto model = make_model(kind.preset());
    EXPECT_NO_THROW(model->set_recompute(false));
    EXPECT_THROW(model->set_recompute(true), UsageError);
  }
}

}  // namespace
}  // namespace pie

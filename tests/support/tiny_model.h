// PIEs small enough to check against brute force, moved away from where training starts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lib/model/architecture.h"
#include "lib/model/flow_model.h"
#include "lib/model/model_file.h"
#include "tests/support/tensors.h"

namespace pie {

// A preset for 1x`side`x`side` images, `side` a multiple of 4: two convolutional blocks and two
// linear ones, the last of which does not reduce. `keep` variables remain.
inline Json tiny_preset(int64_t side = 8, int64_t keep = 4) {
  const int64_t all = side * side;
  return {{"name", "tiny"},
          {"arch", "pie"},
          {"input", {{"channels", 1}, {"height", side}, {"width", side}}},
          {"pre_transform", {{"kind", "affine"}, {"scale", 4.0}}},
          {"eps0_squared", 0.01},
          {"residual_mean", "network"},
          {"conv",
           {{"steps", 1},
            {"reflections", 2},
            {"hidden", 6},
            {"depth", 1},
            {"scale_clamp", 1.0},
            {"act_norm", true}}},
          {"linear",
           {{"steps", 1},
            {"reflections", 2},
            {"hidden", 8},
            {"depth", 0},
            {"scale_clamp", 0.0},
            {"act_norm", false}}},
          {"blocks",
           {{{"kind", "conv"}, {"keep", all / 2}},
            {{"kind", "conv"}, {"keep", all / 4}},
            {{"kind", "linear"}, {"keep", keep}},
            {{"kind", "linear"}, {"keep", keep}, {"scale_clamp", 0.5}}}},
          {"train",
           {{"steps", 12},
            {"batch", 8},
            {"lr", 0.002},
            {"warmup_steps", 2},
            {"schedule", "linear"},
            {"clip_norm", 1.0},
            {"ema_decay", 0.9},
            {"validate_every", 5},
            {"flip", false},
            {"crop", false}}}};
}

// The model of `preset` with every parameter moved by normal noise.
inline std::shared_ptr<FlowModel> random_model(const Json& preset, uint64_t seed = 1,
                                               double scale = 0.2) {
  torch::manual_seed(seed);
  auto model = std::dynamic_pointer_cast<FlowModel>(make_model(preset));
  perturb(*model, scale, seed * 1000);
  return model;
}

// The same, as it comes from a model file.
inline LoadedModel random_loaded_model(const Json& preset, uint64_t seed = 1, double scale = 0.2) {
  return parse_model(
      serialize_model(*random_model(preset, seed, scale), preset, Json::object(), Json::object()),
      "tiny.safetensors");
}

// One of them, for everyone.
inline const LoadedModel& tiny() {
  static const LoadedModel model = random_loaded_model(tiny_preset(), 1, 0.1);
  return model;
}

}  // namespace pie

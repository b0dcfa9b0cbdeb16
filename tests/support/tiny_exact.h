// Exact PIEs small enough for tests, with random weights.
#pragma once

#include <cstdint>
#include <memory>

#include "lib/model/architecture.h"
#include "lib/model/exact_pie.h"
#include "lib/model/model_file.h"
#include "tests/support/tensors.h"

namespace pie {

// For images of any size: three scales with two networks, the two finest with a layer of their own.
inline Json tiny_exact_preset(int64_t channels = 1, int64_t height = 7, int64_t width = 6) {
  return {{"name", "tiny-exact"},
          {"arch", "pie-exact"},
          {"input", {{"channels", channels}, {"height", height}, {"width", width}}},
          {"components", 3},
          {"position", true},
          {"relative_means", false},
          {"activation_bits", 5},
          {"mean_bits", 5},
          {"depth", 3},
          {"layers", 2},
          {"prior", 4},
          {"networks",
           {{{"hidden", 6}, {"first_blocks", 1}, {"phase_blocks", 1}},
            {{"hidden", 5}, {"first_blocks", 0}, {"phase_blocks", 1}}}},
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

// Of colours, without positions.
inline Json tiny_photo_preset(int64_t height = 8, int64_t width = 8) {
  Json preset = tiny_exact_preset(3, height, width);
  preset["position"] = false;
  preset["relative_means"] = true;
  preset["activation_bits"] = 4;
  preset["mean_bits"] = 6;
  return preset;
}

inline std::shared_ptr<ExactPie> random_exact_pie(const Json& preset, uint64_t seed = 1,
                                                  double scale = 0.2) {
  torch::manual_seed(seed);
  auto model = std::dynamic_pointer_cast<ExactPie>(make_model(preset));
  perturb(*model, scale, seed * 1000);
  model->certify();
  return model;
}

// The same, as it comes from a model file.
inline LoadedModel random_loaded_exact_pie(const Json& preset, uint64_t seed = 1,
                                           double scale = 0.2) {
  return parse_model(serialize_model(*random_exact_pie(preset, seed, scale), preset, Json::object(),
                                     Json::object()),
                     "tiny-exact.safetensors");
}

}  // namespace pie

// Integer PIEs small enough for tests, with random weights.
#pragma once

#include <cstdint>
#include <memory>

#include "lib/model/architecture.h"
#include "lib/model/integer_pie.h"
#include "lib/model/model_file.h"
#include "tests/support/tensors.h"

namespace pie {

// For images of `channels` x `height` x `width` of at least 3 pixels a side: two scales, both with
// a layer of their own.
inline Json tiny_integer_preset(int64_t channels = 1, int64_t height = 7, int64_t width = 6) {
  return {{"name", "tiny-int"},
          {"arch", "pie-int"},
          {"input", {{"channels", channels}, {"height", height}, {"width", width}}},
          {"components", 3},
          {"position", true},
          {"relative_means", false},
          {"layers", 2},
          {"network", {{"hidden", 6}, {"blocks", 1}}},
          {"prior", {{"hidden", 4}, {"blocks", 0}}},
          {"scales", {Json::object(), Json::object()}},
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

inline std::shared_ptr<IntegerPie> random_integer_pie(const Json& preset, uint64_t seed = 1,
                                                      double scale = 0.2) {
  torch::manual_seed(seed);
  auto model = std::dynamic_pointer_cast<IntegerPie>(make_model(preset));
  perturb(*model, scale, seed * 1000);
  model->certify();
  return model;
}

// The same, as it comes from a model file.
inline LoadedModel random_loaded_integer_pie(const Json& preset, uint64_t seed = 1,
                                             double scale = 0.2) {
  return parse_model(serialize_model(*random_integer_pie(preset, seed, scale), preset,
                                     Json::object(), Json::object()),
                     "tiny-int.safetensors");
}

// Noise, whose every level occurs.
inline ImageSet random_levels(const Shape& shape, size_t count, uint64_t seed = 1) {
  ImageSet images(shape, count);
  const auto values = uniform_tensor({static_cast<int64_t>(images.pixels().size())}, 0, 256, seed);
  for (size_t i = 0; i < images.pixels().size(); ++i) {
    images.data()[i] = static_cast<uint8_t>(values.data_ptr<double>()[i]);
  }
  return images;
}

}  // namespace pie

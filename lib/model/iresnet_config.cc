#include "lib/model/iresnet_config.h"

#include <algorithm>

namespace pie {
namespace {

IResNetScaleConfig parse_scale(const Json& preset, const Json& json, const std::string& path) {
  if (!json.is_object()) throw UsageError("configuration: '" + path + "' must be an object");
  Json merged = preset.value("block", Json::object());
  if (merged.is_object()) merged.update(json);
  const ConfigSection s(merged, path,
                        {"entry", "keep", "blocks", "hidden", "kernels", "activation",
                         "coefficient", "always_scale", "act_norm"});
  IResNetScaleConfig scale;
  scale.entry = s.choice("entry", {"none", "downsample", "flatten"});
  scale.keep = s.has("keep") ? s.integer("keep", 1, int64_t{1} << 24) : 0;
  scale.blocks = s.integer("blocks", 0, 256);
  scale.hidden = s.integer("hidden", 1, 4096);
  scale.kernels = s.get<std::vector<int64_t>>("kernels");
  if (scale.kernels.size() < 2 || scale.kernels.size() > 8) {
    throw UsageError("configuration: '" + s.where("kernels") + "' must list 2 to 8 sizes");
  }
  for (const int64_t k : scale.kernels) {
    if (k < 1 || k > 9 || k % 2 == 0) {
      throw UsageError("configuration: '" + s.where("kernels") + "' must be odd sizes up to 9");
    }
  }
  scale.activation = parse_activation(s.get<std::string>("activation"));
  scale.coefficient = s.number("coefficient", 0, 0.9999);
  scale.always_scale = s.get<bool>("always_scale");
  scale.act_norm = s.get<bool>("act_norm");
  return scale;
}

}  // namespace

IResNetConfig parse_iresnet_config(const Json& json) {
  const ConfigSection top(json, "",
                          {"name", "arch", "input", "pre_transform", "pad_channels", "classes",
                           "head_features", "block", "scales", "train"});
  top.choice("arch", {"iresnet"});
  IResNetConfig config;
  config.input = parse_input(top);
  config.pre_transform = parse_pre_transform(top);
  config.pad_channels = top.integer("pad_channels", 0, 256);
  config.classes = top.integer("classes", 0, 100000);
  config.head_features = top.has("head_features") ? top.integer("head_features", 0, 4096) : 0;
  const auto scales = top.get<Json>("scales");
  if (!scales.is_array() || scales.empty() || scales.size() > 64) {
    throw UsageError("configuration: 'scales' must be a list of 1 to 64 scales");
  }
  for (size_t i = 0; i < scales.size(); ++i) {
    config.scales.push_back(parse_scale(json, scales[i], "scales." + std::to_string(i)));
  }
  if (std::all_of(config.scales.begin(), config.scales.end(),
                  [](const auto& scale) { return scale.blocks == 0; })) {
    throw UsageError("configuration: 'blocks' is 0 in all scales");
  }
  return config;
}

}  // namespace pie

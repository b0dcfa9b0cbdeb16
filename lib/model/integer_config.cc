#include "lib/model/integer_config.h"

#include <string>

#include "lib/base/error.h"
#include "lib/coding/logistic_mixture.h"

namespace pie {
namespace {

IntegerNetSize parse_size(const Json& preset, const Json& json, const std::string& path) {
  Json merged = preset.value("network", Json::object());
  if (merged.is_object() && json.is_object()) merged.update(json);
  const ConfigSection s(merged, path, {"hidden", "blocks"});
  return {s.integer("hidden", 1, 1024), s.integer("blocks", 0, 64)};
}

}  // namespace

IntegerPieConfig parse_integer_pie_config(const Json& json) {
  const ConfigSection top(json, "",
                          {"name", "arch", "input", "components", "position", "relative_means",
                           "layers", "network", "prior", "scales", "train"});
  top.choice("arch", {"pie-int"});
  IntegerPieConfig config;
  config.input = parse_input(top, 4);
  config.components = top.integer("components", 1, kMaxComponents);
  config.position = top.get<bool>("position");
  config.relative_means = top.get<bool>("relative_means");
  config.prior = parse_size(json, top.get<Json>("prior"), "prior");
  const auto scales = top.get<Json>("scales");
  if (!scales.is_array() || scales.empty() || scales.size() > 12) {
    throw UsageError("configuration: 'scales' must be a list of 1 to 12 scales");
  }
  int64_t side = std::max(config.input.height, config.input.width);
  for (size_t i = 0; i < scales.size(); ++i, side = (side + 1) / 2) {
    const auto path = "scales." + std::to_string(i);
    if (side == 1) throw UsageError("configuration: '" + path + "' would halve a single pixel");
    config.scales.push_back(parse_size(json, scales[i], path));
  }
  config.layers = top.integer("layers", 0, static_cast<int64_t>(scales.size()));
  return config;
}

}  // namespace pie

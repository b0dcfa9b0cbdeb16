#include "lib/model/exact_config.h"

#include <string>

#include "lib/base/error.h"
#include "lib/coding/logistic_mixture.h"

namespace pie {

ExactPieConfig parse_exact_pie_config(const Json& json) {
  const ConfigSection top(
      json, "",
      {"name", "arch", "input", "components", "position", "relative_means", "depth", "layers",
       "prior", "activation_bits", "mean_bits", "networks", "train"});
  top.choice("arch", {"pie-exact"});
  ExactPieConfig config;
  config.input = parse_input(top, 4);
  config.components = top.integer("components", 1, kMaxComponents);
  config.view.position = top.get<bool>("position");
  config.view.relative_means = top.get<bool>("relative_means");
  config.prior = top.integer("prior", 1, 1024);
  // Sums of heads are divided by two at least.
  config.activation_bits = top.has("activation_bits") ? top.integer("activation_bits", 1, 5) : 5;
  config.mean_bits = top.has("mean_bits")         ? top.integer("mean_bits", 0, 7)
                     : config.view.relative_means ? 7
                                                  : 5;
  constexpr int64_t kDeepest = 16;
  auto& layout = config.view.layout;
  layout.channels = config.input.channels;
  layout.depth = top.integer("depth", 1, kDeepest);
  layout.layers = top.integer("layers", 0, layout.depth);
  const auto networks = top.get<Json>("networks");
  if (!networks.is_array() || networks.empty() ||
      static_cast<int64_t>(networks.size()) > layout.depth) {
    throw UsageError("configuration: 'networks' must be a list of 1 to " +
                     std::to_string(layout.depth) + " networks, as many as 'depth' at most");
  }
  for (size_t i = 0; i < networks.size(); ++i) {
    const ConfigSection s(networks[i], "networks." + std::to_string(i),
                          {"hidden", "first_blocks", "phase_blocks"});
    config.networks.push_back({s.integer("hidden", 1, 1024), s.integer("first_blocks", 0, 64),
                               s.integer("phase_blocks", 0, 64)});
  }
  return config;
}

}  // namespace pie

#include "lib/model/pie_config.h"

#include "lib/base/error.h"
#include "lib/model/config_section.h"

namespace pie {
namespace {

PieBlockConfig parse_block(const Json& preset, const Json& json, const std::string& path) {
  if (!json.is_object() || !json.contains("kind")) {
    throw UsageError("configuration: '" + path + ".kind' is missing");
  }
  Json merged = Json::object();
  const auto& kind = json.at("kind");
  if (kind.is_string() && preset.contains(kind.get<std::string>())) {
    merged = preset.at(kind.get<std::string>());
  }
  if (merged.is_object()) merged.update(json);
  const ConfigSection s(
      merged, path,
      {"kind", "keep", "steps", "mixing", "reflections", "transform", "hidden", "depth",
       "scale_clamp", "components", "tolerance", "act_norm", "final_act_norm"});
  PieBlockConfig block;
  block.kind = s.choice("kind", {"conv", "linear"});
  block.keep = s.integer("keep", 1, int64_t{1} << 24);
  block.steps = s.integer("steps", 1, 64);
  block.mixing = s.has("mixing")
                     ? s.choice("mixing", {"householder", "lu", "reversal", "shuffle", "none"})
                     : "householder";
  block.reflections = block.mixing == "householder" ? s.integer("reflections", 0, 4096) : 0;
  block.transform = s.has("transform")
                        ? s.choice("transform", {"coupling", "autoregressive", "continuous"})
                        : "coupling";
  block.hidden = s.integer("hidden", 1, 4096);
  block.depth = s.integer("depth", 0, 16);
  block.components = s.has("components") ? s.integer("components", 0, 64) : 0;
  if (block.components > 0 && block.transform != "autoregressive") {
    throw UsageError("configuration: '" + s.where("components") + "' is of autoregressive steps");
  }
  if (s.has("tolerance") && block.transform != "continuous") {
    throw UsageError("configuration: '" + s.where("tolerance") + "' is of continuous steps");
  }
  const bool affine = block.transform != "continuous" && block.components == 0;
  block.scale_clamp = affine ? s.number("scale_clamp", 0, 8) : 0;
  block.tolerance = block.transform == "continuous" ? s.number("tolerance", 1e-12, 0.1) : 0;
  block.act_norm = s.get<bool>("act_norm");
  block.final_act_norm = s.has("final_act_norm") && s.get<bool>("final_act_norm");
  return block;
}

}  // namespace

PieConfig parse_pie_config(const Json& json) {
  const ConfigSection top(
      json, "",
      {"name", "arch", "input", "pre_transform", "eps0_squared", "residual_mean", "classes",
       "head_features", "conv", "linear", "blocks", "train"});
  top.choice("arch", {"pie"});
  PieConfig config;
  config.input = parse_input(top);
  config.pre_transform = parse_pre_transform(top);
  config.eps0_squared = top.number("eps0_squared", 1e-8, 100);
  config.residual_mean = top.choice("residual_mean", {"network", "zero"});
  config.classes = top.has("classes") ? top.integer("classes", 0, 100000) : 0;
  config.head_features = top.has("head_features") ? top.integer("head_features", 0, 4096) : 0;
  const auto blocks = top.get<Json>("blocks");
  if (!blocks.is_array() || blocks.empty() || blocks.size() > 64) {
    throw UsageError("configuration: 'blocks' must be a list of 1 to 64 blocks");
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    config.blocks.push_back(parse_block(json, blocks[i], "blocks." + std::to_string(i)));
  }
  return config;
}

}  // namespace pie

#include "lib/model/model_file.h"

#include <algorithm>

#include "lib/base/bytes.h"
#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/base/version.h"
#include "lib/model/safetensors.h"

namespace pie {
namespace {

constexpr const char* kFormat = "pie-model/1";

Json parse_section(const TensorFile& file, const std::string& key, const std::string& path) {
  auto value = parse_json(file.text(key, path));
  if (!value.is_object()) throw DamagedError(path + ": its '" + key + "' is not a JSON object");
  return value;
}

// A lower bound of the numbers in a model, from its configuration alone: a hostile file must not
// make its reader allocate more than a small multiple of the file's size.
double least_parameters(const PieConfig& config) {
  double channels = static_cast<double>(config.input.channels), least = 0;
  double area = static_cast<double>(config.input.height * config.input.width);
  for (const auto& block : config.blocks) {
    const bool conv = block.kind == "conv";
    channels *= conv ? 4 : area;
    area = conv ? area / 4 : 1;
    const double hidden = static_cast<double>(block.hidden),
                 depth = static_cast<double>(block.depth);
    least += static_cast<double>(block.steps) *
             (static_cast<double>(block.reflections) * channels +
              hidden * (channels * (conv ? 9 : 1) + 2 * depth * hidden));
    channels = static_cast<double>(block.keep) / area;
  }
  return least;
}

}  // namespace

std::map<std::string, torch::Tensor> named_tensors(const torch::nn::Module& module) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& item : module.named_parameters()) tensors[item.key()] = item.value();
  for (const auto& item : module.named_buffers()) tensors[item.key()] = item.value();
  return tensors;
}

Fingerprint fingerprint(const Json& preset, const PieModel& model) {
  Json config = preset;
  config.erase("name");
  config.erase("train");
  const Bytes content = serialize_tensors({{{"config", config.dump()}}, named_tensors(model)});
  const auto hash = sha256(content.data(), content.size());
  Fingerprint result;
  std::copy_n(hash.begin(), result.size(), result.begin());
  return result;
}

Bytes serialize_model(const PieModel& model, const Json& preset, const Json& training,
                      const Json& measured) {
  const auto print = fingerprint(preset, model);
  return serialize_tensors({{{"format", kFormat},
                             {"tool", version_string()},
                             {"fingerprint", to_hex(print.data(), print.size())},
                             {"preset", preset.dump()},
                             {"training", training.dump()},
                             {"measured", measured.dump()}},
                            named_tensors(model)});
}

LoadedModel parse_model(const Bytes& bytes, const std::string& path) {
  const auto file = parse_tensors(bytes, path);
  if (file.text("format", path) != kFormat) {
    throw UnsupportedError(path + ": has format '" + file.text("format", path) +
                           "', this version reads '" + kFormat + "'; use a newer version");
  }
  LoadedModel loaded;
  loaded.preset = parse_section(file, "preset", path);
  loaded.training = parse_section(file, "training", path);
  loaded.measured = parse_section(file, "measured", path);
  if (loaded.preset.value("arch", Json()) != "pie") {
    throw UnsupportedError(path + ": unknown architecture " +
                           loaded.preset.value("arch", Json()).dump() + "; use a newer version");
  }
  double stored = 0;
  for (const auto& [name, tensor] : file.tensors) stored += static_cast<double>(tensor.numel());
  try {
    if (least_parameters(parse_pie_config(loaded.preset)) > stored) {
      throw DamagedError(path + ": its configuration needs more weights than it holds");
    }
    loaded.model = std::make_shared<PieModel>(parse_pie_config(loaded.preset));
  } catch (const UsageError& error) {
    throw DamagedError(path + ": " + error.what());
  }
  loaded.model->eval();
  const auto tensors = named_tensors(*loaded.model);
  if (tensors.size() != file.tensors.size()) {
    throw DamagedError(path + ": has " + std::to_string(file.tensors.size()) +
                       " tensors, its configuration needs " + std::to_string(tensors.size()));
  }
  torch::NoGradGuard no_grad;
  loaded.parameters = 0;
  for (auto [name, tensor] : tensors) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end() || found->second.sizes() != tensor.sizes()) {
      throw DamagedError(path + ": tensor '" + name + "' is missing or has another shape than " +
                         "the configuration gives it");
    }
    tensor.copy_(found->second);
    tensor.requires_grad_(false);
    loaded.parameters += tensor.numel();
  }
  loaded.fingerprint = fingerprint(loaded.preset, *loaded.model);
  return loaded;
}

LoadedModel load_model(const std::string& path) { return parse_model(read_file(path), path); }

}  // namespace pie

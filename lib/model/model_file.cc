#include "lib/model/model_file.h"

#include <algorithm>

#include "lib/base/bytes.h"
#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/base/format_version.h"
#include "lib/base/version.h"
#include "lib/model/architecture.h"
#include "lib/model/safetensors.h"
#include "lib/store/model_header.h"

namespace pie {
namespace {

Json parse_section(const TensorFile& file, const std::string& key, const std::string& path) {
  auto value = parse_json(file.text(key, path));
  if (!value.is_object()) throw DamagedError(path + ": its '" + key + "' is not a JSON object");
  return value;
}

}  // namespace

Fingerprint fingerprint(const Json& preset, const Model& model) {
  Json config = preset;
  config.erase("name");
  config.erase("train");
  const Bytes content = serialize_tensors({{{"config", config.dump()}}, model.stored_tensors()});
  const auto hash = sha256(content.data(), content.size());
  Fingerprint result;
  std::copy_n(hash.begin(), result.size(), result.begin());
  return result;
}

Bytes serialize_model(const Model& model, const Json& preset, const Json& training,
                      const Json& measured) {
  const auto print = fingerprint(preset, model);
  return serialize_tensors({{{"format", kModelFormat.text()},
                             {"tool", version_string()},
                             {"fingerprint", to_hex(print.data(), print.size())},
                             {"preset", preset.dump()},
                             {"training", training.dump()},
                             {"measured", measured.dump()}},
                            model.stored_tensors()});
}

LoadedModel parse_model(const Bytes& bytes, const std::string& path) {
  const auto file = parse_tensors(bytes, path);
  try {
    kModelFormat.check(file.text("format", path));
  } catch (const UnsupportedError& error) {
    throw UnsupportedError(path + ": " + error.what());
  }
  LoadedModel loaded;
  loaded.preset = parse_section(file, "preset", path);
  loaded.training = parse_section(file, "training", path);
  loaded.measured = parse_section(file, "measured", path);
  const auto arch = loaded.preset.value("arch", Json());
  if (!is_known_architecture(arch)) {
    throw UnsupportedError(path + ": needs a newer pie: unknown architecture " + arch.dump());
  }
  double stored = 0;
  for (const auto& [name, tensor] : file.tensors) stored += static_cast<double>(tensor.numel());
  try {
    if (least_parameters(loaded.preset) > stored) {
      throw DamagedError(path + ": its configuration needs more weights than it holds");
    }
    loaded.model = make_model(loaded.preset);
  } catch (const UnknownKeyError& error) {
    throw UnsupportedError(path + ": needs a newer pie: " + error.what());
  } catch (const UsageError& error) {
    throw DamagedError(path + ": " + error.what());
  }
  loaded.model->eval();
  const auto tensors = loaded.model->stored_tensors();
  if (tensors.size() != file.tensors.size()) {
    throw DamagedError(path + ": has " + std::to_string(file.tensors.size()) +
                       " tensors, its configuration needs " + std::to_string(tensors.size()));
  }
  for (const auto& [name, tensor] : tensors) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end() || found->second.sizes() != tensor.sizes()) {
      throw DamagedError(path + ": tensor '" + name + "' is missing or has another shape than " +
                         "the configuration gives it");
    }
  }
  try {
    loaded.model->restore(file.tensors);
  } catch (const DamagedError& error) {
    throw DamagedError(path + ": " + error.what());
  }
  loaded.parameters = 0;
  for (const auto& parameter : loaded.model->parameters()) loaded.parameters += parameter.numel();
  // Rounding apart: a file whose weights break their bound has no guaranteed inverse, or no exact
  // sums.
  if (loaded.model->certify() > 1 + 1e-5) {
    throw DamagedError(path + ": its weights exceed the " +
                       (loaded.model->discrete() ? "integers that keep sums exact"
                                                 : "Lipschitz bound of its configuration"));
  }
  loaded.fingerprint = fingerprint(loaded.preset, *loaded.model);
  return loaded;
}

LoadedModel load_model(const Input& file) {
  return parse_model(read_model_file(file), file.name());
}

}  // namespace pie

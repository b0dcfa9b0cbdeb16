#include "lib/model/model_store.h"

#include <filesystem>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/store/model_folders.h"
#include "lib/store/model_header.h"

namespace pie {
namespace {

namespace fs = std::filesystem;

std::string join(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + item;
  return text.empty() ? "none" : text;
}

}  // namespace

LoadedModel find_model(const std::string& name_or_path) {
  std::error_code ignored;
  if (fs::is_regular_file(name_or_path, ignored)) return load_model(Input(name_or_path));
  const auto path = name_or_path.find('/') == std::string::npos
                        ? path_in_store(name_or_path + ".safetensors")
                        : std::string();
  if (!path.empty()) return load_model(Input(path));
  throw UnsupportedError(name_or_path + ": no such model; give a file, or one of: " +
                         join(names_in_store(".safetensors")) + " (looked in " +
                         join(model_folders()) + ")");
}

LoadedModel floor_model() {
  LoadedModel loaded{};
  loaded.preset = {{"name", kFloorName}};
  loaded.fingerprint = kFloorFingerprint;
  return loaded;
}

LoadedModel find_model(const Fingerprint& wanted) {
  if (wanted == kFloorFingerprint) return floor_model();
  std::string passed_over;
  for (const auto& path : model_paths()) {
    const Input file(path);
    try {
      if (read_model_header(file).fingerprint != to_hex(wanted.data(), wanted.size())) continue;
      auto loaded = load_model(file);
      if (loaded.fingerprint == wanted) return loaded;
    } catch (const Error& error) {
      // A damaged neighbour must not keep the right model from being found.
      passed_over += "; passed over " + std::string(error.what());
    }
  }
  throw UnsupportedError("needs the model with fingerprint " +
                         to_hex(wanted.data(), wanted.size()) + ", which is not in " +
                         join(model_folders()) +
                         "; name its file, or add its folder to PIE_MODEL_PATH" + passed_over);
}

Json find_preset(const std::string& name) {
  const auto path =
      name.find('/') == std::string::npos ? path_in_store(name + ".json") : std::string();
  if (path.empty()) {
    throw UsageError("no preset '" + name + "'; there are: " + join(names_in_store(".json")));
  }
  return read_preset(path);
}

Json read_preset(const std::string& path) {
  constexpr uint64_t kLargest = uint64_t{1} << 20;
  const auto bytes = read_file(path, kLargest);
  auto json = parse_json(std::string(bytes.begin(), bytes.end()));
  if (!json.is_object()) throw UsageError(path + ": is not a configuration, an object in JSON");
  return json;
}

}  // namespace pie

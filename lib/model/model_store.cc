#include "lib/model/model_store.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include "lib/base/checksum.h"
#include "lib/base/error.h"

namespace pie {
namespace {

namespace fs = std::filesystem;

std::string join(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + item;
  return text.empty() ? "none" : text;
}

// The share folder of the installation that this library is part of, wherever that was put.
std::string installed_models() {
  Dl_info info{};
  dladdr(reinterpret_cast<const void*>(&model_folders), &info);
  // The loader may have come through a link, as from /lib to /usr/lib.
  std::error_code error;
  const auto file = fs::canonical(info.dli_fname != nullptr ? info.dli_fname : "", error);
  const auto library = file.parent_path();
  return (library / PIE_MODELS_FROM_LIBRARY).lexically_normal().string();
}

// The first file called `name` in the model folders, or "".
std::string locate(const std::string& name) {
  for (const auto& folder : model_folders()) {
    const auto path = fs::path(folder) / name;
    std::error_code ignored;
    if (fs::is_regular_file(path, ignored)) return path.string();
  }
  return "";
}

}  // namespace

std::vector<std::string> model_folders() {
  std::vector<std::string> folders;
  if (const char* path = std::getenv("PIE_MODEL_PATH")) {
    std::istringstream parts(path);
    for (std::string part; std::getline(parts, part, ':');) {
      if (!part.empty()) folders.push_back(part);
    }
  }
  folders.push_back(installed_models());
  folders.emplace_back(PIE_SOURCE_MODELS);
  return folders;
}

std::vector<std::string> names_in_store(const std::string& suffix) {
  std::set<std::string> names;
  for (const auto& folder : model_folders()) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.path().extension() == suffix) names.insert(entry.path().stem().string());
    }
  }
  return {names.begin(), names.end()};
}

LoadedModel find_model(const std::string& name_or_path) {
  std::error_code ignored;
  if (fs::is_regular_file(name_or_path, ignored)) return load_model(Input(name_or_path));
  const auto path = name_or_path.find('/') == std::string::npos
                        ? locate(name_or_path + ".safetensors")
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
  for (const auto& folder : model_folders()) {
    std::vector<std::string> paths;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.path().extension() == ".safetensors" && entry.is_regular_file(ignored)) {
        paths.push_back(entry.path().string());
      }
    }
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      const Input file(path);
      try {
        if (!claims_fingerprint(file, wanted)) continue;
        auto loaded = load_model(file);
        if (loaded.fingerprint == wanted) return loaded;
      } catch (const Error& error) {
        // A damaged neighbour must not keep the right model from being found.
        passed_over += "; passed over " + std::string(error.what());
      }
    }
  }
  throw UnsupportedError("needs the model with fingerprint " +
                         to_hex(wanted.data(), wanted.size()) + ", which is not in " +
                         join(model_folders()) +
                         "; name its file, or add its folder to PIE_MODEL_PATH" + passed_over);
}

Json find_preset(const std::string& name) {
  const auto path = name.find('/') == std::string::npos ? locate(name + ".json") : std::string();
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

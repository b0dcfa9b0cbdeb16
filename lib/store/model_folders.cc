#include "lib/store/model_folders.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <system_error>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/store/model_header.h"

namespace pie {
namespace {

namespace fs = std::filesystem;

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

// The entries of `folder` that have this suffix.
std::vector<fs::path> entries_with(const std::string& suffix, const std::string& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  fs::directory_iterator it(folder, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    if (it->path().extension() == suffix) entries.push_back(it->path());
  }
  const bool absent = error == std::errc::no_such_file_or_directory ||
                      error == std::errc::not_a_directory || error == std::errc::permission_denied;
  if (error && !absent) throw OperationError(folder + ": " + error.message());
  return entries;
}

}  // namespace

std::vector<std::string> model_folders() {
  std::vector<std::string> folders;
  if (const char* path = std::getenv("PIE_MODEL_PATH")) {
    for (const auto& part : parts_of(path, ':')) {
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
    for (const auto& path : entries_with(suffix, folder)) names.insert(path.stem().string());
  }
  return {names.begin(), names.end()};
}

std::string path_in_store(const std::string& name) {
  for (const auto& folder : model_folders()) {
    const auto path = fs::path(folder) / name;
    std::error_code ignored;
    if (fs::is_regular_file(path, ignored)) return path.string();
  }
  return "";
}

std::vector<std::string> model_paths() {
  std::vector<std::string> all;
  for (const auto& folder : model_folders()) {
    std::vector<std::string> paths;
    for (const auto& path : entries_with(".safetensors", folder)) {
      std::error_code ignored;
      if (fs::is_regular_file(path, ignored)) paths.push_back(path.string());
    }
    std::sort(paths.begin(), paths.end());
    all.insert(all.end(), paths.begin(), paths.end());
  }
  return all;
}

std::string model_name(const std::string& fingerprint) {
  for (const auto& path : model_paths()) {
    try {
      const auto header = read_model_header(Input(path));
      if (header.fingerprint == fingerprint) return header.name;
    } catch (const Error&) {
      continue;  // decoding will say so
    }
  }
  return "";
}

}  // namespace pie

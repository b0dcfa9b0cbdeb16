#include "lib/base/folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "lib/base/error.h"

namespace pie {
namespace {

namespace fs = std::filesystem;

// Why an entry of a folder is no file that can be read; nothing if it is one.
std::string unreadable_because(const fs::directory_entry& entry) {
  std::error_code error;
  const auto status = entry.status(error);
  if (fs::is_regular_file(status)) return "";
  if (error || !fs::exists(status)) {
    return entry.is_symlink(error) ? "a symbolic link to nothing" : "cannot be read";
  }
  return "neither a file nor a folder";
}

}  // namespace

std::vector<std::string> list_files(
    const std::string& folder, bool recursive,
    const std::function<bool(const std::string& path)>& wanted,
    const std::function<void(const std::string& path, const std::string& cause)>& skip) {
  std::vector<std::string> files, folders{folder};
  while (!folders.empty()) {
    const std::string at = folders.back();
    folders.pop_back();
    std::error_code error;
    fs::directory_iterator it(at, error);
    for (; !error && it != fs::directory_iterator(); it.increment(error)) {
      const std::string path = it->path().string();
      std::error_code ignored;
      if (it->is_directory(ignored)) {
        if (!recursive) continue;
        if (it->is_symlink(ignored)) {
          skip(path, "a symbolic link to a folder");
        } else {
          folders.push_back(path);
        }
      } else if (wanted(path)) {
        const auto cause = unreadable_because(*it);
        if (cause.empty()) {
          files.push_back(path);
        } else {
          skip(path, cause);
        }
      }
    }
    if (error && at == folder) throw OperationError(folder + ": " + error.message());
    if (error) skip(at, error.message());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace pie

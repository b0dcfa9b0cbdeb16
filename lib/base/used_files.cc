#include "lib/base/used_files.h"

#include <cstdint>
#include <mutex>
#include <set>
#include <utility>

#include "lib/base/error.h"

namespace pie {
namespace {

using Identity = std::pair<std::uint64_t, std::uint64_t>;  // device, inode

struct UsedFiles {
  std::mutex mutex;  // guards all below
  bool protect = false;
  std::set<Identity> files;
};

UsedFiles& used() {
  static UsedFiles files;
  return files;
}

Identity identity_of(const struct stat& status) { return {status.st_dev, status.st_ino}; }

// A path where there is nothing has no status, and is no file that was used.
bool has_status(const std::string& path, struct stat* status) {
  return ::stat(path.c_str(), status) == 0;
}

}  // namespace

void protect_used_files() {
  const std::lock_guard<std::mutex> lock(used().mutex);
  used().protect = true;
}

void remember_used_file(const struct stat& status) {
  const std::lock_guard<std::mutex> lock(used().mutex);
  if (used().protect && S_ISREG(status.st_mode)) used().files.insert(identity_of(status));
}

void remember_used_file(const std::string& path) {
  struct stat status {};
  if (has_status(path, &status)) remember_used_file(status);
}

void refuse_used_file(const struct stat& status, const std::string& path) {
  const std::lock_guard<std::mutex> lock(used().mutex);
  if (used().files.count(identity_of(status)) > 0) {
    throw UsageError(path +
                     ": is an input of this command, or another output; choose another name");
  }
}

void refuse_used_file(const std::string& path) {
  struct stat status {};
  if (has_status(path, &status)) refuse_used_file(status, path);
}

void forget_used_file(const std::string& path) {
  struct stat status {};
  if (!has_status(path, &status)) return;
  const std::lock_guard<std::mutex> lock(used().mutex);
  used().files.erase(identity_of(status));
}

}  // namespace pie

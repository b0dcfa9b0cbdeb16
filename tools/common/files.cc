#include "tools/common/files.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/used_files.h"
#include "lib/image/image_io.h"

namespace pie {

std::string Destination::path_for(const std::string& name, const std::string& root) const {
  if (to_stdout) return "-";
  if (!file.empty()) return file;
  if (folder.empty()) return name;
  const std::filesystem::path path(name);
  const auto below = root.empty() ? path.filename() : path.lexically_relative(root);
  return (std::filesystem::path(folder) / below).string();
}

void OutputPaths::add_input(const std::string& path) { remember_used_file(path); }

void OutputPaths::claim(const std::string& output, const std::string& input) {
  if (output == "-") return;
  // Folders may not be there yet; where they are, links in their names are followed.
  std::error_code ignored;
  const auto path = std::filesystem::weakly_canonical(std::filesystem::absolute(output), ignored);
  const auto [first, is_new] = inputs_.emplace(ignored ? output : path.string(), input);
  if (!is_new) {
    throw UsageError(output + ": is the output of " + first->second +
                     " already; use another folder, or rename one input");
  }
  refuse_used_file(output);
}

void refuse_terminal(const std::string& path) {
  if (path == "-" && isatty(STDOUT_FILENO) != 0) {
    throw UsageError("refusing to write binary data to a terminal; use -o FILE, or a pipe");
  }
}

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw OperationError(path + ": cannot make this folder: " + error.message());
}

std::unique_ptr<OutputFile> open_output(const std::string& path, bool overwrite) {
  refuse_terminal(path);
  return std::make_unique<OutputFile>(path, overwrite);
}

void write_output(const std::string& path, const Bytes& bytes, bool overwrite,
                  const std::vector<std::string>& made_of) {
  const auto file = open_output(path, overwrite);
  for (const auto& input : made_of) file->restrict_to(input);
  file->write(bytes);
  file->commit();
}

std::string member_name(const std::string& path, const std::string& root) {
  if (path == "-") return "";
  const std::filesystem::path all(path);
  const auto below = root.empty() ? all.lexically_normal() : all.lexically_relative(root);
  std::filesystem::path name;
  for (const auto& part : below.relative_path()) {
    if (part != "..") name /= part;
  }
  return name.generic_string();
}

RemovableInput::RemovableInput(std::string path) : path_(std::move(path)) {
  if (path_ == "-" || ::lstat(path_.c_str(), &before_) != 0) before_ = {};
}

void RemovableInput::remove() const {
  struct stat now {};
  if (!S_ISREG(before_.st_mode) || ::lstat(path_.c_str(), &now) != 0) return;
  const auto same = [](const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
  };
  if (now.st_dev != before_.st_dev || now.st_ino != before_.st_ino ||
      now.st_size != before_.st_size || !same(now.st_mtim, before_.st_mtim) ||
      !same(now.st_ctim, before_.st_ctim)) {
    log_warning(path_, "has changed meanwhile; it is not removed");
  } else if (::unlink(path_.c_str()) != 0) {
    log_warning(path_, std::string("cannot be removed: ") + std::strerror(errno));
  }
}

bool has_suffix(const std::string& path, const std::string& suffix) {
  const auto name = path.substr(path.rfind('/') + 1);
  return name.size() > suffix.size() &&
         name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

std::string without_suffix(const std::string& path, const std::string& suffix) {
  return has_suffix(path, suffix) ? path.substr(0, path.size() - suffix.size()) : path;
}

std::string image_name(const std::string& name, bool set) {
  const auto format = format_named_by(name);
  if (set ? is_set_format(format.name) : is_writable_format(format.name) && !format.gzip) {
    return name;
  }
  return name + (set ? ".idx" : ".png");
}

NamedFormat format_named_by(const std::string& path) {
  const bool gzip = suffix_of(path) == "gz";
  const auto name = gzip ? without_suffix(path, ".gz") : path;
  NamedFormat format{suffix_of(name), gzip};
  const bool is_set = format.name == "idx3-ubyte" || has_suffix(name, "-idx3-ubyte");
  if (is_set || (format.name.empty() && gzip)) format.name = kIdx;
  return format;
}

}  // namespace pie

#include "tools/common/files.h"

#include <unistd.h>

#include <filesystem>

#include "lib/base/error.h"
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

void OutputPaths::claim(const std::string& output, const std::string& input) {
  if (output == "-") return;
  const auto [first, is_new] = inputs_.emplace(output, input);
  if (!is_new) {
    throw UsageError(output + ": is the output of " + first->second +
                     " already; use another folder, or rename one input");
  }
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

std::unique_ptr<OutputFile> open_output(const std::string& path, bool overwrite,
                                        const std::string& input) {
  refuse_terminal(path);
  if (path != "-" && same_file(path, input)) {
    throw UsageError(path + ": is the input itself; choose another output");
  }
  return std::make_unique<OutputFile>(path, overwrite);
}

void write_output(const std::string& path, const Bytes& bytes, bool overwrite,
                  const std::string& input) {
  const auto file = open_output(path, overwrite, input);
  file->write(bytes);
  file->commit();
}

std::string decoded_name(const std::string& path, bool set) {
  std::filesystem::path name(path);
  if (name.extension() == ".pie") name.replace_extension();
  const auto suffix = suffix_of(name.string());
  if (set ? suffix == "idx" : is_writable_format(suffix)) return name.string();
  return name.string() + (set ? ".idx" : ".png");
}

}  // namespace pie

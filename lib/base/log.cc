#include "lib/base/log.h"

#include <atomic>
#include <cstdio>
#include <mutex>

namespace pie {
namespace {

std::atomic<Verbosity> current_verbosity{Verbosity::kNormal};
std::atomic<bool> warned{false}, status_shown{false};
constexpr const char* kEmptyLine = "\r\033[K";
std::mutex name_mutex;

std::string& program_name() {
  static std::string name = "pie";
  return name;
}

void print(const std::string& file, const std::string& kind, const std::string& message) {
  // One call for the whole line keeps lines of several threads apart.
  const std::string line =
      (status_shown.exchange(false) ? kEmptyLine : "") + log_line(file, kind, message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

void set_program_name(const std::string& name) {
  const std::lock_guard<std::mutex> lock(name_mutex);
  program_name() = name;
}

void set_verbosity(Verbosity verbosity) { current_verbosity = verbosity; }
Verbosity verbosity() { return current_verbosity; }

void show_status(const std::string& text) {
  if (!status_shown.exchange(!text.empty()) && text.empty()) return;
  std::fputs((kEmptyLine + text).c_str(), stderr);
}

std::string log_line(const std::string& file, const std::string& kind, const std::string& message) {
  std::string line;
  {
    const std::lock_guard<std::mutex> lock(name_mutex);
    line = program_name() + ": ";
  }
  const std::string prefix = file.empty() ? "" : file + ": ";
  const bool named = message.compare(0, prefix.size(), prefix) == 0;
  return printable(line + prefix + kind + (named ? message.substr(prefix.size()) : message));
}

std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return text;
}

void log_error(const std::string& file, const std::string& message) {
  if (verbosity() >= Verbosity::kQuiet) print(file, "", message);
}

void log_warning(const std::string& file, const std::string& message) {
  warned = true;
  if (verbosity() >= Verbosity::kNormal) print(file, "warning: ", message);
}

bool has_warned() { return warned; }

void log_note(const std::string& file, const std::string& message) {
  if (verbosity() >= Verbosity::kNormal) print(file, "", message);
}

void log_detail(const std::string& file, const std::string& message) {
  if (verbosity() >= Verbosity::kVerbose) print(file, "", message);
}

}  // namespace pie

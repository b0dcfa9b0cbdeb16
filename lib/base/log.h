// Messages for people: one line each on stderr, "tool: file: message". Nothing goes to stdout.
#pragma once

#include <string>

namespace pie {

enum class Verbosity {
  kSilent,   // nothing (-qq)
  kQuiet,    // errors only (-q)
  kNormal,   // errors, warnings, notes
  kVerbose,  // everything (-v)
};

// The name that starts every line; call once at the start of main.
void set_program_name(const std::string& name);
void set_verbosity(Verbosity verbosity);
Verbosity verbosity();

// Each prints one line if the verbosity allows. `file` may be empty; it is not repeated where the
// message already starts with it, as the messages of lib/base/file.h do. Control characters are
// replaced, so that a file name cannot command the terminal. Safe to call from several threads.
void log_error(const std::string& file, const std::string& message);
void log_warning(const std::string& file, const std::string& message);  // adds "warning: "
void log_note(const std::string& file, const std::string& message);
void log_detail(const std::string& file, const std::string& message);

// Whether there has been a warning, printed or not.
bool has_warned();

inline void log_error(const std::string& message) { log_error({}, message); }
inline void log_warning(const std::string& message) { log_warning({}, message); }
inline void log_note(const std::string& message) { log_note({}, message); }
inline void log_detail(const std::string& message) { log_detail({}, message); }

// A line of a terminal's own that stands below the messages: the next one takes its place. Empty
// text removes it.
void show_status(const std::string& text);

// Text with '?' for control characters.
std::string printable(std::string text);

// The line that the functions above print, without its newline; `kind` is "" or "warning: ".
std::string log_line(const std::string& file, const std::string& kind, const std::string& message);

}  // namespace pie

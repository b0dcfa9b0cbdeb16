#include "tools/engine/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "lib/base/log.h"
#include "tools/common/run_main.h"

namespace pie {

std::string clock_text(double seconds) {
  const auto s = static_cast<long long>(seconds);
  char text[32];
  std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
  return text;
}

namespace {

// The end of a name that leaves room on the terminal for what Progress says of it.
std::string shortened(const std::string& name) {
  constexpr std::size_t kUsual = 80, kRoom = 26;
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > kRoom;
  const std::size_t most = (known ? size.ws_col : kUsual) - kRoom;
  return name.size() <= most ? name : "..." + name.substr(name.size() - most);
}

}  // namespace

Progress::Progress(const CommonOptions& common, const std::string& what)
    : on_(common.shows_progress()), name_(what), start_(Clock::now()) {
  next_ = start_ + std::chrono::seconds(1);
}

Progress::~Progress() {
  if (on_) show_status("");
}

void Progress::show(double done) {
  constexpr std::chrono::milliseconds kBetween{250};
  const auto now = Clock::now();
  if (done <= 0) return;
  const bool asked = status_requested();
  if (!asked && (!on_ || now < next_)) return;
  next_ = now + kBetween;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  char text[64];
  std::snprintf(text, sizeof text, "%.0f %%, %s left", 100 * done,
                clock_text(std::ceil(elapsed * (1 / done - 1))).c_str());
  if (asked) {
    log_note(name_, text);
  } else {
    show_status(shortened(name_) + ": " + text);
  }
}

}  // namespace pie

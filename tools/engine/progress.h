// How far a long job is, on the terminal.
#pragma once

#include <chrono>
#include <string>

#include "tools/common/options.h"

namespace pie {

// "1:02:03".
std::string clock_text(double seconds);

// A status line (lib/base/log.h) of one job, which comes after a second and goes at the end; and a
// message whenever someone asks by SIGUSR1.
class Progress {
 public:
  Progress(const CommonOptions& common, const std::string& what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done`: the share of the work, 0 to 1.
  void show(double done);

 private:
  using Clock = std::chrono::steady_clock;
  bool on_;
  std::string name_;
  Clock::time_point start_, next_;
};

}  // namespace pie

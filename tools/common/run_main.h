// The one place where exceptions become messages and exit codes.
#pragma once

#include <functional>
#include <string>

#include "lib/base/error.h"

namespace pie {

// Runs a tool's body: names it in messages, removes half-written files on every signal that ends a
// process and can be caught, and turns what is thrown into one line on stderr and an exit code, and
// warnings into exit code 6. Signals that were ignored before, as SIGHUP is under nohup, stay
// ignored, here and below.
int run_main(const std::string& tool, const std::function<int()>& body);

// Runs `work` for one file; an error is printed with the file's name and returned as its exit code,
// so that the other files go on.
ExitCode run_for_file(const std::string& file, const std::function<ExitCode()>& work);

// Whether SIGUSR1 has come since the last call: someone wants to know how far a long job is.
bool status_requested();

// While alive, SIGINT, SIGTERM, SIGHUP and the others that ask a process to end only set a flag (a
// second one, but for SIGHUP, ends the process as usual), and a pipe that nobody reads any more is
// no signal but a failing write. After the work is saved, `reraise` ends the process by the signal
// that came, so that shells see it.
class InterruptFlag {
 public:
  InterruptFlag();
  ~InterruptFlag();
  InterruptFlag(const InterruptFlag&) = delete;
  InterruptFlag& operator=(const InterruptFlag&) = delete;
  bool is_set() const;
  void reraise() const;

 private:
  void (*before_)(int);  // handler of SIGPIPE
};

}  // namespace pie

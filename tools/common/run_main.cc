#include "tools/common/run_main.h"

#include <csignal>
#include <exception>
#include <new>

#include "lib/base/file.h"
#include "lib/base/log.h"

namespace pie {
namespace {

volatile std::sig_atomic_t interrupt = 0;

void on_fatal_signal(int signal) {
  remove_temporary_files();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void on_interrupt(int signal) {
  interrupt = signal;
  std::signal(signal, on_fatal_signal);
}

// What `body` throws, as a message and an exit code.
ExitCode guarded(const std::string& file, const std::function<ExitCode()>& body) {
  try {
    return body();
  } catch (const Error& error) {
    log_error(file, error.what());
    return error.code();
  } catch (const std::bad_alloc&) {
    log_error(file, "out of memory; use fewer images at a time or a smaller model");
  } catch (const std::exception& error) {
    // LibTorch appends a stack trace to its messages; its first line says what happened.
    const std::string text = error.what();
    log_error(file, "internal error: " + text.substr(0, text.find('\n')));
  }
  return ExitCode::kFailed;
}

}  // namespace

int run_main(const std::string& tool, const std::function<int()>& body) {
  set_program_name(tool);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(signal, on_fatal_signal);
  int code = 0;
  const auto outcome = guarded("", [&] {
    code = body();
    return ExitCode::kOk;
  });
  return outcome == ExitCode::kOk ? code : static_cast<int>(outcome);
}

ExitCode run_for_file(const std::string& file, const std::function<ExitCode()>& work) {
  return guarded(file, work);
}

InterruptFlag::InterruptFlag() {
  interrupt = 0;
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

InterruptFlag::~InterruptFlag() {
  std::signal(SIGINT, on_fatal_signal);
  std::signal(SIGTERM, on_fatal_signal);
}

bool InterruptFlag::is_set() const { return interrupt != 0; }

void InterruptFlag::reraise() const { on_fatal_signal(interrupt); }

}  // namespace pie

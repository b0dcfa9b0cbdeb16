#include "tools/common/run_main.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>
#include <string_view>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/used_files.h"
#include "tools/common/allocation.h"
#include "tools/common/load_engine.h"

namespace pie {
namespace {

volatile std::sig_atomic_t interrupt = 0, status_request = 0;

// Asked from outside: work can be saved before they end the process.
const std::vector<int> kRequests = [] {
  std::vector<int> signals{SIGINT,  SIGTERM,   SIGHUP,  SIGQUIT, SIGALRM, SIGUSR2,
                           SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR};
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) signals.push_back(signal);
  return signals;
}();
// What went wrong within: nothing but the removal of files can be done about it.
const std::vector<int> kFaults{SIGABRT, SIGSEGV, SIGBUS,  SIGFPE,
                               SIGILL,  SIGSYS,  SIGTRAP, SIGSTKFLT};

void on_fatal_signal(int signal) {
  remove_temporary_files();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// Libraries that do not look whether they got memory end with a fault: libjxl on purpose (SIGILL),
// its lcms and oneDNN by chance.
void on_fault(int signal, siginfo_t* info, void*) {
  constexpr std::string_view kMessage =
      "a library failed where memory has ended; a larger --max-memory or ulimit may help\n";
  const bool ended = memory_has_ended() || memory_is_limited() || errno == ENOMEM;
  const bool own = info->si_code > 0;  // and not sent by somebody
  if (!own || !ended) return on_fatal_signal(signal);
  remove_temporary_files();
  if (::write(STDERR_FILENO, kMessage.data(), kMessage.size()) < 0) errno = 0;
  ::_exit(static_cast<int>(ExitCode::kFailed));
}

void on_interrupt(int signal) {
  // A closing terminal may send SIGHUP twice, with nobody there who is impatient.
  if (interrupt != 0 && signal != SIGHUP) on_fatal_signal(signal);
  interrupt = signal;
}

void on_status_request(int) { status_request = 1; }

// A signal that was ignored when the tool was started, as SIGHUP is under nohup, stays ignored.
bool is_ignored(int signal) {
  struct sigaction current {};
  return sigaction(signal, nullptr, &current) == 0 && current.sa_handler == SIG_IGN;
}

void handle(const std::vector<int>& signals, void (*handler)(int)) {
  for (const int signal : signals) {
    if (!is_ignored(signal)) std::signal(signal, handler);
  }
}

void handle_faults() {
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  for (const int signal : kFaults) {
    if (!is_ignored(signal)) sigaction(signal, &action, nullptr);
  }
}

const std::string kOutOfMemory =
    "out of memory; use fewer images at a time, a smaller model, or a larger --max-memory if one "
    "is "
    "given";

// Whether this is LibTorch's way, or the language's, to say so.
bool tells_of_no_memory(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
         std::strstr(error.what(), "DefaultCPUAllocator: can't allocate") != nullptr;
}

const std::terminate_handler usual_terminate = std::get_terminate();

// Memory can end where nobody is able to catch it: in destructors, in threads that are not ours.
[[noreturn]] void on_terminate() {
  try {
    if (const auto exception = std::current_exception()) std::rethrow_exception(exception);
    // What leaves a destructor that the compiler has inlined is not seen here.
    if (std::uncaught_exceptions() > 0 && memory_has_ended()) throw std::bad_alloc();
  } catch (const std::exception& error) {
    if (tells_of_no_memory(error)) {
      remove_temporary_files();
      try {
        log_error("", kOutOfMemory);
      } catch (const std::exception&) {
        std::fputs("out of memory\n", stderr);
      }
      std::_Exit(static_cast<int>(ExitCode::kFailed));
    }
  } catch (...) {
  }
  usual_terminate();
  std::abort();
}

// The streams that a caller has closed would be the next files that are opened, and take messages
// and reports into them: what fails takes their place.
void open_missing_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
      ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
  }
}

// What `body` throws, as a message and an exit code.
ExitCode guarded(const std::string& file, const std::function<ExitCode()>& body) {
  try {
    return body();
  } catch (const ExistsError& error) {
    log_error(file, std::string(error.what()) + ": use -f to overwrite");
    return error.code();
  } catch (const LimitError& error) {
    log_error(file, std::string(error.what()) + "; --max-pixels allows more");
    return error.code();
  } catch (const Error& error) {
    log_error(file, error.what());
    return error.code();
  } catch (const std::exception& error) {
    // LibTorch appends a stack trace to its messages; its first line says what happened.
    const std::string text = error.what();
    log_error(file, tells_of_no_memory(error)
                        ? kOutOfMemory
                        : "internal error: " + text.substr(0, text.find('\n')));
  }
  return ExitCode::kFailed;
}

}  // namespace

int run_main(const std::string& tool, const std::function<int()>& body) {
  open_missing_streams();
  set_program_name(tool);
  protect_used_files();
  std::set_terminate(on_terminate);
  handle(kRequests, on_fatal_signal);
  handle_faults();
  handle({SIGPIPE}, on_fatal_signal);
  handle({SIGUSR1}, on_status_request);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is a failing write, with a message
  int code = 0;
  auto outcome = guarded("", [&] {
    code = body();
    return ExitCode::kOk;
  });
  // A report that nobody received is no success.
  std::cout.flush();
  if ((!std::cout || std::fflush(stdout) != 0) && outcome == ExitCode::kOk && code == 0) {
    log_error("stdout", "cannot write all of the output: " + std::string(std::strerror(errno)));
    outcome = ExitCode::kFailed;
  }
  outcome = worse(outcome, static_cast<ExitCode>(code));
  if (has_warned()) outcome = worse(outcome, ExitCode::kWarnings);
  // The destructors of LibTorch's libraries take their time, and memory that may not be there.
  if (engine_is_loaded()) std::_Exit(static_cast<int>(outcome));
  return static_cast<int>(outcome);
}

ExitCode run_for_file(const std::string& file, const std::function<ExitCode()>& work) {
  return guarded(file, work);
}

bool status_requested() {
  const bool requested = status_request != 0;
  status_request = 0;
  return requested;
}

InterruptFlag::InterruptFlag() {
  interrupt = 0;
  handle(kRequests, on_interrupt);
  before_ = std::signal(SIGPIPE, SIG_IGN);
}

InterruptFlag::~InterruptFlag() {
  handle(kRequests, on_fatal_signal);
  std::signal(SIGPIPE, before_);
}

bool InterruptFlag::is_set() const { return interrupt != 0; }

void InterruptFlag::reraise() const { on_fatal_signal(interrupt); }

}  // namespace pie

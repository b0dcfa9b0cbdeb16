#include "tools/common/options.h"

#include <unistd.h>

#include <cmath>
#include <iostream>

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/version.h"
#include "tools/common/load_engine.h"

namespace pie {

bool CommonOptions::shows_progress() const {
  return !quiet && !no_progress && (progress || isatty(STDERR_FILENO) != 0);
}

void add_common_options(CLI::App& app, CommonOptions& options, const std::string& examples) {
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.add_flag("-V,--version", "Print the version and exit; with -v also the loaded LibTorch");
  app.add_flag("-v,--verbose", options.verbose, "Say more on stderr");
  app.add_flag("-q,--quiet", options.quiet, "Say only errors on stderr");
  auto* progress = app.add_flag("--progress", options.progress,
                                "Show how far long jobs are; default: if stderr is a terminal");
  app.add_flag("--no-progress", options.no_progress, "Do not")->excludes(progress);
  app.add_option(
         "-T,--threads", options.threads,
         "Threads, at most as many as there are cores, or 16 if these are fewer; 0 is all cores")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of all random numbers")->capture_default_str();
  app.add_option("--device", options.device, "cpu; this version computes on the CPU only")
      ->capture_default_str();
  app.add_option("--precision", options.precision,
                 "auto, bf16 or f32: numbers inside the subnetworks while training; auto is bf16 "
                 "where the CPU computes it natively. All else is float32")
      ->check(CLI::IsMember({"auto", "bf16", "f32"}))
      ->capture_default_str();
  app.add_flag("--json", options.json, "Print reports as JSON");
  app.description("Examples:\n" + examples + "\n" + app.get_description());
}

CLI::Validator finite_number() {
  const auto check = [](const std::string& text) {
    double value = 0;
    const bool good = CLI::detail::lexical_cast(text, value) && std::isfinite(value);
    return good ? std::string() : "needs a finite number, not " + text;
  };
  return CLI::Validator(check, "");
}

namespace {

// `-o "$unset"` is a slip, and not the same as no -o.
void refuse_empty_values(const CLI::App& app) {
  for (const auto* option :
       app.get_options([](const CLI::Option* o) { return !o->get_positional(); })) {
    for (const auto& value : option->results()) {
      if (value.empty()) throw CLI::ValidationError(option->get_name(), "is empty");
    }
  }
}

}  // namespace

int parse_command_line(CLI::App& app, CommonOptions& options, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    refuse_empty_values(app);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return 0;
  } catch (const CLI::ParseError& error) {
    // --version goes with whatever else is missing.
    if (app.count("--version") == 0) {
      log_error(std::string(error.what()) + "; try --help");
      return static_cast<int>(ExitCode::kUsage);
    }
  }
  if (options.quiet) set_verbosity(Verbosity::kQuiet);
  if (options.verbose > 0) set_verbosity(Verbosity::kVerbose);
  if (app.count("--version") > 0) {
    std::cout << app.get_name() << " " << version_string() << ", built with LibTorch "
              << PIE_TORCH_VERSION << "\n";
    if (options.verbose > 0) return load_engine(options).version(options);
    return 0;
  }
  if (options.device != "cpu") {
    log_error("--device " + options.device +
              " is not available: this version computes on the CPU "
              "only; use --device cpu");
    return static_cast<int>(ExitCode::kUsage);
  }
  return -1;
}

}  // namespace pie

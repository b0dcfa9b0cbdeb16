// What all five tools share on their command lines.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

namespace pie {

struct CommonOptions {
  int threads = 0;  // 0: all cores
  uint64_t seed = 0;
  std::string device = "cpu";
  std::string precision = "auto";
  bool json = false;
  bool quiet = false;
  int verbose = 0;
  bool progress = false, no_progress = false;  // neither: where stderr is a terminal

  bool shows_progress() const;
};

// Adds the shared options; `examples` stands at the top of --help.
void add_common_options(CLI::App& app, CommonOptions& options, const std::string& examples);

// A check for numbers: CLI11's ranges let "nan" pass, and some of them "inf".
CLI::Validator finite_number();

// Parses the command line and applies verbosity. Returns -1 to go on, or the exit code of --help,
// --version or a usage error (2, never one of CLI11's own numbers).
int parse_command_line(CLI::App& app, CommonOptions& options, int argc, char** argv);

}  // namespace pie

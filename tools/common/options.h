// What all five tools share on their command lines.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/container/frame_header.h"
#include "lib/image/image_source.h"
#include "tools/common/files.h"

namespace pie {

struct CommonOptions {
  int threads = 0;  // 0: all cores
  uint64_t seed = 0;
  std::string device = "cpu";
  std::string precision = "auto";
  bool json = false;
  int quiet = 0;
  int verbose = 0;
  std::string examples;                        // of --help
  std::string completion;                      // for this shell
  bool progress = false, no_progress = false;  // neither: where stderr is a terminal

  uint64_t max_pixels = kMaxPixels;  // of an image
  std::string memory_text;           // as --max-memory says it
  uint64_t max_memory = 0;           // bytes; 0: what the system has

  bool shows_progress() const;
  // What opening images, and code files, starts from.
  SourceOptions source_options() const;
  Limits limits() const;
};

// Adds the shared options, which --help lists last; `examples` stands at its top. To give an option
// a heading there, add it after `app.option_defaults()->group(heading)`.
void add_common_options(CLI::App& app, CommonOptions& options, const std::string& examples);

// Adds -o, -O, -c, -f, --rm and -S, under the heading "Output".
void add_destination_options(CLI::App& app, Destination& destination);

// Names of inputs in files, as zstd and xz take them.
struct InputLists {
  std::vector<std::string> lines, zeros;  // --filelist, --files0

  // `names`, and behind them those in the files. Throws what reading throws.
  std::vector<std::string> added_to(std::vector<std::string> names) const;
  bool given() const { return !lines.empty() || !zeros.empty(); }
};
void add_input_lists(CLI::App& app, InputLists& lists);

// A check for numbers: CLI11's ranges let "nan" pass, and some of them "inf".
CLI::Validator finite_number();

// Parses the command line and applies verbosity and limits. Returns -1 to go on, or the exit code
// of --help,
// --version or a usage error (2, never one of CLI11's own numbers).
int parse_command_line(CLI::App& app, CommonOptions& options, int argc, char** argv);

}  // namespace pie

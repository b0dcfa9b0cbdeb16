#include "tools/common/shard_option.h"

#include <CLI/CLI.hpp>
#include <regex>
#include <string>

#include "lib/base/log.h"
#include "tools/common/files.h"

namespace pie {

void add_shard_option(CLI::App& app, Shard& shard, const char* help) {
  app.add_option_function<std::string>(
         "--shard",
         [&shard](const std::string& text) {
           std::smatch match;
           if (std::regex_match(text, match, std::regex("([1-9][0-9]{0,5})/([1-9][0-9]{0,5})"))) {
             shard = {std::stoul(match[1]), std::stoul(match[2])};
             if (shard.number <= shard.count) return;
           }
           throw CLI::ValidationError("--shard", text + " is no part such as 1/4, 2/4, 3/4 or 4/4");
         },
         help)
      ->type_name("I/N");
}

void require_own_output(const Destination& destination) {
  if (destination.file.empty() && !destination.to_stdout) {
    throw UsageError("a part of one archive needs a name of its own; give it with -o");
  }
}

ExitCode nothing_in(const Shard& shard) {
  log_note("nothing is in part " + std::to_string(shard.number) + " of " +
           std::to_string(shard.count));
  return ExitCode::kOk;
}

}  // namespace pie

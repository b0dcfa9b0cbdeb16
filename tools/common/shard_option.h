// The option that picks one of several equal parts of what a command does.
#pragma once

#include "lib/base/error.h"
#include "lib/base/shard.h"

namespace CLI {
class App;
}

namespace pie {

struct Destination;

void add_shard_option(CLI::App& app, Shard& shard, const char* help);

// Throws UsageError if the parts of one input would all be written under the name of the whole.
void require_own_output(const Destination& destination);

// Says that there is nothing to do, which is no error.
ExitCode nothing_in(const Shard& shard);

}  // namespace pie

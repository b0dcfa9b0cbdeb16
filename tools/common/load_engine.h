// The part of the tools that needs LibTorch, loaded only when a command reaches it: merely loading
// LibTorch takes half a second, too long for --help, --version, --list and the structural --test.
#pragma once

#include <string>

#include "tools/common/options.h"

namespace pie {

// Loads the engine (libpie_engine) and runs its command `name` with the tool's options. Returns the
// exit code; throws what the command throws.
int call_engine(const std::string& name, const CommonOptions& common, const void* options);

// The one symbol that the engine exports.
using EngineEntry = int (*)(const std::string& name, const CommonOptions& common,
                            const void* options);
inline constexpr const char* kEngineEntry = "pie_engine_entry";

}  // namespace pie

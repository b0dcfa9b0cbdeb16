#include "lib/base/version.h"

#include "revision.h"

namespace pie {

std::string git_revision() { return PIE_GIT_REVISION; }

std::string version_string() { return std::string(kVersion) + " (git " + git_revision() + ")"; }

}  // namespace pie

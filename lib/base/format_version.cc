#include "lib/base/format_version.h"

#include <charconv>
#include <cstring>
#include <system_error>

#include "lib/base/error.h"

namespace pie {

void FormatVersions::check(std::uint64_t version) const {
  if (version >= oldest && version <= newest) return;
  throw UnsupportedError(std::string(version > newest ? "needs a newer pie" : "too old") + ": " +
                         what + " format " + std::to_string(version) + "; formats " +
                         std::to_string(oldest) + " to " + std::to_string(newest) + " are read");
}

void FormatVersions::check(const std::string& format) const {
  const std::size_t start = std::strlen(name);
  std::uint64_t version = 0;
  const char* end = format.data() + format.size();
  const bool named = format.compare(0, start, name) == 0;
  const auto number = std::from_chars(format.data() + (named ? start : 0), end, version);
  if (!named || number.ptr != end || number.ec != std::errc()) {
    throw UnsupportedError("is no " + std::string(what) + ": its format is '" + format +
                           "', not '" + text() + "'");
  }
  check(version);
}

}  // namespace pie

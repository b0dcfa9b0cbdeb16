// Which versions of the files that tools write are read: the one place to change when a format
// does.
#pragma once

#include <cstdint>
#include <string>

namespace pie {

struct FormatVersions {
  const char* what;  // "code file", in messages
  const char* name;  // before the version where a file says it in words: "pie-model/"
  std::uint64_t oldest, newest;

  // The newest, in words.
  std::string text() const { return name + std::to_string(newest); }

  // Throw UnsupportedError, which says what is read, for a version that is not.
  void check(std::uint64_t version) const;
  void check(const std::string& text) const;
};

inline constexpr FormatVersions kCodeFormat{"code file", "pie-code/", 1, 1};
inline constexpr FormatVersions kModelFormat{"model file", "pie-model/", 1, 1};
inline constexpr FormatVersions kStateFormat{"training state", "pie-training-state/", 1, 1};

}  // namespace pie

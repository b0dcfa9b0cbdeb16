// What fuzz targets share. A typed error is a right answer to wrong bytes; a crash, a sanitizer's
// report, a hang, too much memory or a requirement that does not hold is a find.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/base/bytes.h"
#include "tests/support/failure.h"

namespace pie {

inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

// Whether `action` ends without one of our errors; all others go through.
template <typename Action>
bool succeeds(const Action& action) {
  return failure(action) == "no error";
}

}  // namespace pie

// The errors of the code under test, as text.
#pragma once

#include <string>

#include "lib/base/error.h"

namespace pie {

// The message of the `Expected` error that `action` throws, or "no error".
template <typename Expected = Error, typename Action>
std::string failure(const Action& action) {
  try {
    action();
  } catch (const Expected& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace pie

#include "lib/base/error.h"

namespace pie {
namespace {

int gravity(ExitCode code) {
  switch (code) {
    case ExitCode::kOk:
      return 0;
    case ExitCode::kWarnings:
      return 1;
    case ExitCode::kFailed:
      return 2;
    case ExitCode::kDamaged:
      return 3;
    case ExitCode::kUnsupported:
      return 4;
    case ExitCode::kVerification:
      return 5;
    case ExitCode::kUsage:
      return 6;
  }
  return 2;  // A value outside the enum counts as a failure.
}

}  // namespace

ExitCode worse(ExitCode a, ExitCode b) { return gravity(a) >= gravity(b) ? a : b; }

}  // namespace pie

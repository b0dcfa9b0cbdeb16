// A loaded model as what a test knows it to be.
#pragma once

#include "lib/model/model_file.h"

namespace pie {

template <typename Kind>
Kind& as(const LoadedModel& loaded) {
  return dynamic_cast<Kind&>(*loaded.model);
}

}  // namespace pie

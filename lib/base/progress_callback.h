// How long work tells how far it is.
#pragma once

#include <functional>

namespace pie {

// Called with the share that is done, from 0 to 1, by one thread at a time; may be empty.
using ProgressCallback = std::function<void(double done)>;

inline void tell(const ProgressCallback& progress, double done) {
  if (progress) progress(done);
}

}  // namespace pie

// What a model file says of itself in its header, without its weights.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/input.h"

namespace pie {

// A header longer than this, in bytes, is not ours.
inline constexpr std::uint64_t kMaxModelHeader = std::uint64_t{1} << 24;

// As the file claims, unchecked.
struct ModelHeader {
  std::string fingerprint;  // in hexadecimal digits
  std::string name;         // that its configuration gives it; may be empty
};

// Throws what reading throws, DamagedError if this is no model file.
ModelHeader read_model_header(const Input& file);

// All bytes of the file of a model or of a training's state, and no more than its header speaks of.
// Also throws DamagedError if it is longer or, seen at once, shorter; checks nothing else.
Bytes read_model_file(const Input& file);

}  // namespace pie

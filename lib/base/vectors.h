// Vectors of numbers, by an extension of the compilers: arithmetic of all elements at once, on any
// CPU. For functions that are PIE_CPU_CLONES.
#pragma once

#include <cstdint>
#include <cstring>

#include "lib/base/cpu_clones.h"

namespace pie {

inline constexpr std::int64_t kVectorWidth = 8;
using Floats = float __attribute__((vector_size(kVectorWidth * sizeof(float))));

// By reference, for values would be passed differently by each CPU.
PIE_INLINE void load(const float* from, Floats& to) { std::memcpy(&to, from, sizeof to); }
PIE_INLINE void store(const Floats& from, float* to) { std::memcpy(to, &from, sizeof from); }

}  // namespace pie

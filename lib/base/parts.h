// How whoever computes may have threads without knowing any.
#pragma once

#include <cstdint>
#include <functional>

namespace pie {

// Calls work(first, last) for parts of 0 ... count - 1, side by side or not.
using Parts = std::function<void(
    std::int64_t count, const std::function<void(std::int64_t first, std::int64_t last)>& work)>;

}  // namespace pie

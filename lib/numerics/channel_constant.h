// Loops over the channels of a pixel, of which flows have few.
#pragma once

#include <cstdint>
#include <type_traits>

namespace pie {

// Calls fn with the number of channels as a compile-time constant where it is small, so that loops
// over them unroll. 0 stands for any other number.
template <typename Fn>
void with_channels(int64_t channels, const Fn& fn) {
  switch (channels) {
    case 1:
      return fn(std::integral_constant<int, 1>{});
    case 2:
      return fn(std::integral_constant<int, 2>{});
    case 4:
      return fn(std::integral_constant<int, 4>{});
    case 6:
      return fn(std::integral_constant<int, 6>{});
    case 8:
      return fn(std::integral_constant<int, 8>{});
    default:
      return fn(std::integral_constant<int, 0>{});
  }
}

}  // namespace pie

// e^x for loops that the compiler turns into vector instructions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace pie {

inline double exponential(double x) { return std::exp(x); }

// e^x within 2 units in the last place, written so that loops over it vectorise. Saturates where
// float32 does.
inline float exponential(float x) {
  constexpr float kLog2E = 1.44269504F, kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number
  x = std::min(std::max(x, -87.0F), 88.0F);
  const float shifted = x * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  const float p =
      1 +
      r * (1 + r * (0.5F + r * (0.166666657F +
                                r * (4.16666380e-2F + r * (8.33345205e-3F + r * 1.39353084e-3F)))));
  int32_t bits;
  std::memcpy(&bits, &p, sizeof bits);
  const float power = n == n ? n : 0.0F;  // what is not a number stays that in p
  bits += static_cast<int32_t>(power) * (1 << 23);
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

}  // namespace pie

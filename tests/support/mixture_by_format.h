// The probabilities of mixtures of logistics by FORMAT.md, section 7, to the letter.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "lib/coding/logistic_mixture.h"

namespace pie {

// start(v) for the indices in `row`: the weights of all components, then means, then scales.
inline std::uint32_t start_by_format(const MixtureTables& tables, const MixtureIndex* row,
                                     int components, int v) {
  constexpr std::uint32_t kWhole = 1U << 24;
  if (v <= 0) return 0;
  if (v >= 256) return kWhole;
  std::uint64_t mass = 0, total = 0;
  for (int k = 0; k < components; ++k) {
    const std::uint64_t weight = tables.weights[static_cast<std::size_t>(row[k] + 64)];
    const std::int32_t d = 8 * v - 4 - row[components + k];
    const std::uint64_t q = std::uint64_t{static_cast<std::uint32_t>(std::abs(d))} *
                            tables.rates[static_cast<std::size_t>(row[2 * components + k] + 32)];
    const std::uint64_t i = q / 1024, f = q % 1024;
    const std::uint64_t beyond =
        i < 1152 ? tables.tail[i] - (tables.tail[i] - tables.tail[i + 1]) * f / 1024 : 0;
    mass += weight * (d < 0 ? beyond : (1U << 25) - beyond);
    total += weight;
  }
  return static_cast<std::uint32_t>(v) +
         static_cast<std::uint32_t>((mass / total * (kWhole - 256)) >> 25);
}

}  // namespace pie

// Probabilities of 8-bit samples under a discretized mixture of logistics, by integer arithmetic on
// stored tables, so that they are the same on every machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/container/rans.h"

namespace pie {

// The parameters of component k of a mixture of K, each an index of a fixed grid:
//   weight  w = exp(index / 8), up to a common factor
//   mean    m = index / 8, in levels
//   scale   s = exp(index / 8), in levels
struct IndexRange {
  std::int32_t low, high;
};
inline constexpr int kIndicesPerUnit = 8;
inline constexpr IndexRange kWeightIndices{-64, 63};
inline constexpr IndexRange kMeanIndices{-256, 2303};
inline constexpr IndexRange kScaleIndices{-32, 31};
inline constexpr int kMaxComponents = 16;

// The tables that turn indices into probabilities; part of a model.
struct MixtureTables {
  static constexpr std::size_t kTailSteps = 64;  // of `tail`, for each unit of its argument
  static constexpr std::size_t kTailEntries = 18 * kTailSteps + 1;
  static constexpr int kFractionBits = 10;  // of an argument of `tail`, behind its index
  static constexpr int kUnitBits = 25;      // `tail` counts units of 2^-25

  std::vector<std::uint32_t> weights;  // of kWeightIndices
  std::vector<std::uint32_t> rates;    // of kScaleIndices: round(2^10 * 64 / (8 s))
  std::vector<std::uint32_t> tail;     // 2^25 * (1 - logistic CDF) at 0, 1/64, ..., 18; ends with 0

  // The tables a new model gets. Floating point: computed once and then stored, never recomputed.
  static MixtureTables standard();
};

// P(v) of v in 0 ... 255 as a frequency out of 2^24: the mass from v - 1/2 to v + 1/2, with the
// tails beyond 0 and 255 added to those two, and at least one count for each (FORMAT.md, "Mixtures
// of logistics").
class LogisticMixture {
 public:
  static constexpr int kTotalBits = 24;
  static constexpr int kLevels = 256;

  // Throws DamagedError unless the tables have their sizes, tail falls from at most 2^24 to 0, and
  // weights and rates are from 1 to 2^24, which is what bounds every intermediate result.
  explicit LogisticMixture(MixtureTables tables);

  const MixtureTables& tables() const { return tables_; }

  // `indices`: the weights of all `components` (1 to kMaxComponents), then the means, then the
  // scales, each within its range.
  //
  // The first slot of level `v`, 0 to 256: strictly increasing from 0 to 2^24.
  std::uint32_t start(const std::int32_t* indices, int components, int v) const;

  // The slots of level `v`, 0 to 255.
  struct Interval {
    std::uint32_t start, freq;
    // -log2 of its share: what coding it costs, for reports.
    double bits() const;
  };
  Interval interval(const std::int32_t* indices, int components, int v) const;

  int decode(FineRansDecoder& decoder, const std::int32_t* indices, int components) const;

  // The level that owns `slot`, which is below 2^24: a draw, if the slot is random.
  int level_of(std::uint32_t slot, const std::int32_t* indices, int components) const;

  // The least v of which at least half of the mass is not above it.
  int median(const std::int32_t* indices, int components) const;

 private:
  // What the indices of one sample stand for.
  struct Components {
    int count;
    std::uint64_t total;  // of the weights
    std::array<std::uint32_t, kMaxComponents> weights, rates;
    std::array<std::int32_t, kMaxComponents> means;
    int likely;  // a level near the mean of the heaviest
  };
  Components look_up(const std::int32_t* indices, int components) const;
  std::uint32_t start(const Components& mixture, int v) const;

  // The level whose slots hold `slot`, and these.
  struct Found {
    int level;
    std::uint32_t first, last;  // where they begin and end
  };
  Found find(std::uint32_t slot, const Components& mixture) const;

  MixtureTables tables_;
};

}  // namespace pie

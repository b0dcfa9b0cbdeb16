// Probabilities of 8-bit samples under a discretized mixture of logistics, by integer arithmetic on
// stored tables, so that they are the same on every machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/bytes.h"

namespace pie {

// The parameters of component k of a mixture of K, each an index of a fixed grid:
//   weight  w = exp(index / 8), up to a common factor
//   mean    m = index / 8, in levels
//   scale   s = exp(index / 8), in levels
using MixtureIndex = std::int16_t;
struct GridRange {
  std::int32_t low, high;
  constexpr MixtureIndex nearest(std::int32_t index) const {
    return static_cast<MixtureIndex>(index < low ? low : index > high ? high : index);
  }
};
inline constexpr int kIndicesPerUnit = 8;
inline constexpr GridRange kWeightIndices{-64, 63};
inline constexpr GridRange kMeanIndices{-256, 2303};
inline constexpr GridRange kScaleIndices{-32, 31};
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
//
// All functions take many samples at once. `indices` has a row for each of them: the weights of all
// `components` (1 to kMaxComponents), then the means, then the scales, each within its range.
class LogisticMixture {
 public:
  static constexpr int kTotalBits = 24;
  static constexpr int kLevels = 256;

  // Throws DamagedError unless the tables have their sizes, tail falls from at most 2^24 to 0 by at
  // most 2^21 a step, and weights and rates are from 1 to 2^24, which is what bounds every
  // intermediate result.
  explicit LogisticMixture(MixtureTables tables);

  const MixtureTables& tables() const { return tables_; }

  // The slots of a level, 0 to 255. Those of level 0 begin at 0, those of level 255 end at 2^24.
  struct Interval {
    std::int32_t level;
    std::uint32_t start, freq;
    // -log2 of its share: what coding it costs, for reports.
    double bits() const;
  };

  // The intervals of the samples' `levels`.
  void intervals(const std::uint8_t* levels, const MixtureIndex* indices, int components,
                 std::size_t samples, Interval* result) const;

  // The same of samples of which each has a row of its own anywhere, or several share one.
  void intervals_of_rows(const std::uint8_t* levels, const MixtureIndex* const* rows,
                         int components, std::size_t samples, Interval* result) const;

  // The mean of each mixture, in its indices: the sum of weights times means over that of weights,
  // rounded down.
  void means(const MixtureIndex* indices, int components, std::size_t samples,
             std::int16_t* result) const;

  // Of the samples, the intervals that own `slots`, which are below 2^24: draws, if they are
  // random.
  void find(const std::uint32_t* slots, const MixtureIndex* indices, int components,
            std::size_t samples, Interval* result) const;

  // The levels of those, and the medians.
  Bytes owners(const std::vector<std::uint32_t>& slots, const MixtureIndex* indices,
               int components) const;
  Bytes medians(const MixtureIndex* indices, int components, std::size_t samples) const;

 private:
  // Where the slots of `level`, 0 to 256, begin: FORMAT.md, section 7, to the letter.
  std::uint32_t first_slot(const MixtureIndex* row, std::size_t components,
                           std::int32_t level) const;
  Interval find_one(std::uint32_t slot, const MixtureIndex* row, std::size_t components) const;

  MixtureTables tables_;
  std::vector<float> weights_, rates_;  // the same
  // Of each entry of tail, itself and in the upper half how much it falls to the next.
  std::vector<std::int64_t> falls_;
};

}  // namespace pie

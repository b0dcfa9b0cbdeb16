#include "lib/coding/logistic_mixture.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/cpu_clones.h"
#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::size_t size_of(GridRange range) {
  return static_cast<std::size_t>(range.high - range.low) + 1;
}

constexpr std::uint32_t kLargestEntry = 1U << 24;  // a float32 holds every integer up to it
constexpr std::int32_t kWhole = 1 << LogisticMixture::kTotalBits;

std::uint32_t rounded(double value) {
  return static_cast<std::uint32_t>(std::lround(std::clamp(value, 1.0, double{kLargestEntry})));
}

bool all_within(const std::vector<std::uint32_t>& values, std::size_t size) {
  return values.size() == size && std::all_of(values.begin(), values.end(), [](std::uint32_t v) {
           return v >= 1 && v <= kLargestEntry;
         });
}

// Each entry is at most the one before it, and less by at most 2^21.
bool falls_slowly(const std::vector<std::uint32_t>& tail) {
  constexpr std::uint32_t kMost = 1U << 21;
  return std::adjacent_find(tail.begin(), tail.end(), [](std::uint32_t near, std::uint32_t far) {
           return far > near || near - far > kMost;
         }) == tail.end();
}

std::uint32_t at(const std::vector<std::uint32_t>& table, GridRange range, std::int32_t index) {
  return table[static_cast<std::size_t>(index - range.low)];
}

// As many samples as are worked on at once, by an extension of the compilers: arithmetic of all
// elements of a vector, on any CPU. Vectors are passed by reference, for values would be passed
// differently by each CPU.
constexpr std::size_t kWidth = 8;
using Integers = std::int32_t __attribute__((vector_size(kWidth * sizeof(std::int32_t))));
using Floats = float __attribute__((vector_size(kWidth * sizeof(float))));
using Doubles = double __attribute__((vector_size(kWidth * sizeof(double))));
using Longs = std::int64_t __attribute__((vector_size(kWidth * sizeof(std::int64_t))));

// What the indices of a group of samples stand for.
struct Mixtures {
  std::size_t count;
  std::array<Integers, kMaxComponents> means;
  std::array<Floats, kMaxComponents> rates;
  std::array<Doubles, kMaxComponents> weights;
  Doubles total;         // of the weights
  Integers level, step;  // a level near the mean of the heaviest, and its scale in levels
};

// A value for each sample up to `last`, which is repeated if they are less than a group.
template <typename T>
PIE_INLINE void load(const T* values, std::size_t last, Integers& result) {
  for (std::size_t i = 0; i < kWidth; ++i) {
    result[i] = static_cast<std::int32_t>(values[std::min(i, last)]);
  }
}

// Of the rows up to `last`, as above.
PIE_INLINE void look_up(const float* weights, const float* rates,
                        const std::array<const MixtureIndex*, kWidth>& rows, std::size_t components,
                        Mixtures& mixtures) {
  mixtures.count = components;
  Doubles total{};
  Floats heaviest{}, its_rate{};
  Integers its_mean{};
  for (std::size_t k = 0; k < mixtures.count; ++k) {
    Integers mean;
    Floats weight, rate;
    for (std::size_t i = 0; i < kWidth; ++i) {
      const MixtureIndex* row = rows[i] + k;
      weight[i] = weights[row[0] - kWeightIndices.low];
      mean[i] = row[mixtures.count];
      rate[i] = rates[row[2 * mixtures.count] - kScaleIndices.low];
    }
    mixtures.weights[k] = __builtin_convertvector(weight, Doubles);
    mixtures.means[k] = mean;
    mixtures.rates[k] = rate;
    total += mixtures.weights[k];
    its_mean = weight > heaviest ? mean : its_mean;
    its_rate = weight > heaviest ? rate : its_rate;
    heaviest = weight > heaviest ? weight : heaviest;
  }
  mixtures.total = total;
  const Integers level = its_mean / kIndicesPerUnit;
  const Integers least = level > 0 ? level : 0;
  mixtures.level = least < LogisticMixture::kLevels ? least : LogisticMixture::kLevels - 1;
  constexpr float kScale =  // times 1 / rate
      1.0F * MixtureTables::kTailSteps * (1 << MixtureTables::kFractionBits) / kIndicesPerUnit;
  mixtures.step = __builtin_convertvector(kScale / its_rate, Integers) + 1;
}

// Successive rows up to `last`, which is repeated.
PIE_INLINE void set_rows(const MixtureIndex* first, std::size_t components, std::size_t last,
                         std::array<const MixtureIndex*, kWidth>& rows) {
  for (std::size_t i = 0; i < kWidth; ++i) rows[i] = first + 3 * components * std::min(i, last);
}

// Where the slots of `levels`, 0 to 256, begin (FORMAT.md, section 7). `falls` has each entry of
// tail, and in the high half how much it falls to the next.
//
// Exact, though partly in floating point: products of distances and rates matter below 2^21 only,
// and all others are integers below 2^53. Of the one division that leaves a rest, the quotient
// mass / total <= 2^25 with total <= 2^28 is at least 2^-28 below the next integer, which a double
// of this size resolves; so it is never rounded up to it.
PIE_INLINE void first_slots(const std::int64_t* falls, const Mixtures& mixtures,
                            const Integers& levels, Integers& result) {
  constexpr int kBits = MixtureTables::kFractionBits;
  constexpr float kBeyond = (MixtureTables::kTailEntries - 1) * (1 << kBits);  // tail is 0 there
  constexpr std::int32_t kUnit = 1 << MixtureTables::kUnitBits;
  const Integers edges = levels * kIndicesPerUnit - kIndicesPerUnit / 2;
  Doubles mass{};
  for (std::size_t k = 0; k < mixtures.count; ++k) {
    const Integers distance = edges - mixtures.means[k];
    Floats argument =
        __builtin_convertvector(distance < 0 ? -distance : distance, Floats) * mixtures.rates[k];
    argument = argument < kBeyond ? argument : kBeyond;
    const Integers parts = __builtin_convertvector(argument, Integers);
    Longs fall{};
    for (std::size_t i = 0; i < kWidth; ++i) fall[i] = falls[parts[i] >> kBits];
    const Integers beyond =  // the edge
        __builtin_convertvector(fall, Integers) -
        (__builtin_convertvector(fall >> 32, Integers) * (parts & ((1 << kBits) - 1)) >> kBits);
    mass += mixtures.weights[k] *
            __builtin_convertvector(distance < 0 ? beyond : kUnit - beyond, Doubles);
  }
  constexpr double kShare = double{kWhole - LogisticMixture::kLevels} / kUnit;
  const Integers below = __builtin_convertvector(mass / mixtures.total, Integers);
  const Integers shares =
      __builtin_convertvector(__builtin_convertvector(below, Doubles) * kShare, Integers);
  const Integers slots = levels < LogisticMixture::kLevels ? levels + shares : kWhole;
  result = levels > 0 ? slots : 0;
}

PIE_INLINE void store(const Integers& levels, const Integers& starts, const Integers& freqs,
                      std::size_t last, LogisticMixture::Interval* result) {
  for (std::size_t i = 0; i <= last; ++i) {
    result[i] = {levels[i], static_cast<std::uint32_t>(starts[i]),
                 static_cast<std::uint32_t>(freqs[i])};
  }
}

}  // namespace

MixtureTables MixtureTables::standard() {
  MixtureTables tables;
  constexpr double kUnits = kIndicesPerUnit;
  for (std::int32_t i = kWeightIndices.low; i <= kWeightIndices.high; ++i) {
    tables.weights.push_back(rounded(std::exp((i - kWeightIndices.high) / kUnits) * (1 << 23)));
  }
  for (std::int32_t i = kScaleIndices.low; i <= kScaleIndices.high; ++i) {
    const double per_level = (1 << kFractionBits) * double{kTailSteps} / kUnits;
    tables.rates.push_back(rounded(per_level * std::exp(-i / kUnits)));
  }
  for (std::size_t i = 0; i + 1 < kTailEntries; ++i) {
    const double x = static_cast<double>(i) / kTailSteps;
    tables.tail.push_back(rounded((1 << kUnitBits) / (1 + std::exp(x))));
  }
  tables.tail.push_back(0);
  return tables;
}

LogisticMixture::LogisticMixture(MixtureTables tables) : tables_(std::move(tables)) {
  const auto& tail = tables_.tail;
  if (!all_within(tables_.weights, size_of(kWeightIndices)) ||
      !all_within(tables_.rates, size_of(kScaleIndices)) ||
      tail.size() != MixtureTables::kTailEntries || tail.front() > kLargestEntry ||
      tail.back() != 0 || !falls_slowly(tail)) {
    throw DamagedError("its tables of probabilities are out of their ranges");
  }
  weights_.assign(tables_.weights.begin(), tables_.weights.end());
  rates_.assign(tables_.rates.begin(), tables_.rates.end());
  for (std::size_t i = 0; i < tail.size(); ++i) {
    const std::int64_t fall = i + 1 < tail.size() ? tail[i] - tail[i + 1] : 0;
    falls_.push_back(fall << 32 | tail[i]);
  }
}

double LogisticMixture::Interval::bits() const {
  return kTotalBits - std::log2(static_cast<double>(freq));
}

// `rows_from(i, last, rows)` finds the rows of the samples i ... i + last.
template <typename Level, typename RowsFrom>
PIE_INLINE void find_intervals(const float* weights, const float* rates, const std::int64_t* falls,
                               const Level* levels, std::size_t components, std::size_t samples,
                               const RowsFrom& rows_from, LogisticMixture::Interval* result) {
  Mixtures mixtures;
  Integers own, first, end;
  std::array<const MixtureIndex*, kWidth> rows;
  for (std::size_t i = 0; i < samples; i += kWidth) {
    const std::size_t last = std::min(samples - i, kWidth) - 1;
    rows_from(i, last, rows);
    look_up(weights, rates, rows, components, mixtures);
    load(levels + i, last, own);
    first_slots(falls, mixtures, own, first);
    first_slots(falls, mixtures, own + 1, end);
    store(own, first, end - first, last, result + i);
  }
}

PIE_CPU_CLONES void LogisticMixture::intervals(const std::uint8_t* levels,
                                               const MixtureIndex* indices, int components,
                                               std::size_t samples, Interval* result) const {
  const auto count = static_cast<std::size_t>(components);
  find_intervals(
      weights_.data(), rates_.data(), falls_.data(), levels, count, samples,
      [=](std::size_t i, std::size_t last, auto& rows)
          __attribute__((always_inline)) { set_rows(indices + 3 * count * i, count, last, rows); },
      result);
}

PIE_CPU_CLONES void LogisticMixture::intervals_of_rows(const std::uint8_t* levels,
                                                       const MixtureIndex* const* all_rows,
                                                       int components, std::size_t samples,
                                                       Interval* result) const {
  find_intervals(
      weights_.data(), rates_.data(), falls_.data(), levels, static_cast<std::size_t>(components),
      samples,
      [=](std::size_t i, std::size_t last, auto& rows) __attribute__((always_inline)) {
        for (std::size_t j = 0; j < kWidth; ++j) rows[j] = all_rows[i + std::min(j, last)];
      },
      result);
}

void LogisticMixture::means(const MixtureIndex* indices, int components, std::size_t samples,
                            std::int16_t* result) const {
  const auto count = static_cast<std::size_t>(components);
  for (std::size_t i = 0; i < samples; ++i, indices += 3 * count) {
    std::int64_t sum = 0, total = 0;
    for (std::size_t k = 0; k < count; ++k) {
      const std::int64_t weight = at(tables_.weights, kWeightIndices, indices[k]);
      sum += weight * (indices[count + k] - kMeanIndices.low);  // nothing below zero is divided
      total += weight;
    }
    result[i] = static_cast<std::int16_t>(sum / total + kMeanIndices.low);
  }
}

std::uint32_t LogisticMixture::first_slot(const MixtureIndex* row, std::size_t components,
                                          std::int32_t level) const {
  if (level <= 0) return 0;
  if (level >= kLevels) return kWhole;
  constexpr std::uint64_t kUnit = 1U << MixtureTables::kUnitBits;
  const std::int32_t edge = level * kIndicesPerUnit - kIndicesPerUnit / 2;
  std::uint64_t mass = 0, total = 0;
  for (std::size_t k = 0; k < components; ++k) {
    const std::uint64_t weight = at(tables_.weights, kWeightIndices, row[k]);
    const std::uint64_t rate = at(tables_.rates, kScaleIndices, row[2 * components + k]);
    const std::int32_t distance = edge - row[components + k];
    const std::uint64_t argument = static_cast<std::uint32_t>(std::abs(distance)) * rate;
    const std::uint64_t step = argument >> MixtureTables::kFractionBits;
    const std::uint64_t part = argument % (1U << MixtureTables::kFractionBits);
    std::uint64_t beyond = 0;  // the edge
    if (step + 1 < MixtureTables::kTailEntries) {
      const std::uint64_t near = tables_.tail[step], far = tables_.tail[step + 1];
      beyond = near - ((near - far) * part >> MixtureTables::kFractionBits);
    }
    mass += weight * (distance < 0 ? beyond : kUnit - beyond);
    total += weight;
  }
  const std::uint64_t share = mass / total * (kWhole - kLevels) >> MixtureTables::kUnitBits;
  return static_cast<std::uint32_t>(level) + static_cast<std::uint32_t>(share);
}

LogisticMixture::Interval LogisticMixture::find_one(std::uint32_t slot, const MixtureIndex* row,
                                                    std::size_t components) const {
  const auto* heaviest = std::max_element(row, row + components);
  std::int32_t probe = std::clamp(heaviest[components] / kIndicesPerUnit, 0, kLevels - 1);
  std::int32_t low = 0, high = kLevels;
  std::uint32_t first = 0, end = kWhole;
  for (std::int32_t step = 1; high - low > 1; step += step) {
    const std::uint32_t here = first_slot(row, components, probe);
    const bool up = here <= slot;
    (up ? low : high) = probe;
    (up ? first : end) = here;
    const std::int32_t middle = (low + high) / 2;
    probe = up ? std::min(low + step, middle) : std::max(high - step, middle);
  }
  return {low, first, end - first};
}

// Galloping from a likely level, then halving. A sample that is found stays where it is until the
// others of its group are.
PIE_CPU_CLONES void LogisticMixture::find(const std::uint32_t* slots, const MixtureIndex* indices,
                                          int components, std::size_t samples,
                                          Interval* result) const {
  const auto count = static_cast<std::size_t>(components);
  if (samples == 1) {  // integers are faster, then
    *result = find_one(*slots, indices, count);
    return;
  }
  Mixtures mixtures;
  Integers sought;
  std::array<const MixtureIndex*, kWidth> rows;
  for (std::size_t i = 0; i < samples; i += kWidth) {
    const std::size_t last = std::min(samples - i, kWidth) - 1;
    set_rows(indices + 3 * count * i, count, last, rows);
    look_up(weights_.data(), rates_.data(), rows, count, mixtures);
    load(slots + i, last, sought);
    Integers low{}, high = low + kLevels, first{}, end = first + kWhole;
    Integers probe = mixtures.level, step = mixtures.step;
    bool found = false;
    for (; !found; step += step) {
      Integers at;
      first_slots(falls_.data(), mixtures, probe, at);
      const Integers up = at <= sought;
      low = up ? probe : low;
      high = up ? high : probe;
      first = up ? at : first;
      end = up ? end : at;
      const Integers middle = (low + high) >> 1;
      const Integers next = up ? low + step : high - step;
      probe = (next < middle) == up ? next : middle;
      found = true;
      for (std::size_t j = 0; j < kWidth; ++j) found = found && high[j] - low[j] == 1;
    }
    store(low, first, end - first, last, result + i);
  }
}

Bytes LogisticMixture::owners(const std::vector<std::uint32_t>& slots, const MixtureIndex* indices,
                              int components) const {
  std::vector<Interval> found(slots.size());
  find(slots.data(), indices, components, slots.size(), found.data());
  Bytes levels;
  levels.reserve(found.size());
  for (const auto& own : found) levels.push_back(static_cast<std::uint8_t>(own.level));
  return levels;
}

Bytes LogisticMixture::medians(const MixtureIndex* indices, int components,
                               std::size_t samples) const {
  constexpr std::uint32_t kHalf = (1U << (kTotalBits - 1)) - 1;
  return owners(std::vector<std::uint32_t>(samples, kHalf), indices, components);
}

}  // namespace pie

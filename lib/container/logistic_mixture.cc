#include "lib/container/logistic_mixture.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::size_t size_of(IndexRange range) {
  return static_cast<std::size_t>(range.high - range.low) + 1;
}

constexpr std::uint32_t kLargestEntry = 1U << 24;  // a float32 holds every integer up to it
constexpr std::uint32_t kWhole = 1U << LogisticMixture::kTotalBits;

std::uint32_t rounded(double value) {
  return static_cast<std::uint32_t>(std::lround(std::clamp(value, 1.0, double{kLargestEntry})));
}

bool all_within(const std::vector<std::uint32_t>& values, std::size_t size) {
  return values.size() == size && std::all_of(values.begin(), values.end(), [](std::uint32_t v) {
           return v >= 1 && v <= kLargestEntry;
         });
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
      tail.back() != 0 || !std::is_sorted(tail.begin(), tail.end(), std::greater<>())) {
    throw DamagedError("its tables of probabilities are out of their ranges");
  }
}

LogisticMixture::Components LogisticMixture::look_up(const std::int32_t* indices,
                                                     int components) const {
  Components mixture;  // NOLINT(cppcoreguidelines-pro-type-member-init): `count` entries are read
  mixture.count = components;
  mixture.total = 0;
  std::uint32_t heaviest = 0;
  std::int32_t mean = 0;
  for (int k = 0; k < components; ++k) {
    const auto at = static_cast<std::size_t>(k);
    mixture.weights[at] =
        tables_.weights[static_cast<std::size_t>(indices[k] - kWeightIndices.low)];
    mixture.means[at] = indices[components + k];
    mixture.rates[at] =
        tables_.rates[static_cast<std::size_t>(indices[2 * components + k] - kScaleIndices.low)];
    mixture.total += mixture.weights[at];
    if (mixture.weights[at] > heaviest) {
      heaviest = mixture.weights[at];
      mean = mixture.means[at];
    }
  }
  mixture.likely = std::clamp((mean + kIndicesPerUnit / 2) / kIndicesPerUnit, 0, kLevels - 1);
  return mixture;
}

std::uint32_t LogisticMixture::start(const Components& mixture, int v) const {
  if (v <= 0) return 0;
  if (v >= kLevels) return kWhole;
  constexpr std::uint64_t kFraction = 1U << MixtureTables::kFractionBits;
  const std::int32_t edge = kIndicesPerUnit * v - kIndicesPerUnit / 2;  // the lower one of v
  std::uint64_t mass = 0;
  for (std::size_t k = 0; k < static_cast<std::size_t>(mixture.count); ++k) {
    const std::int32_t distance = edge - mixture.means[k];
    const std::uint64_t argument =
        std::uint64_t{static_cast<std::uint32_t>(std::abs(distance))} * mixture.rates[k];
    const std::uint64_t at = argument / kFraction;
    std::uint64_t tail = 0;
    if (at + 1 < MixtureTables::kTailEntries) {
      const std::uint64_t near = tables_.tail[at], far = tables_.tail[at + 1];
      tail = near - (near - far) * (argument % kFraction) / kFraction;
    }
    const std::uint64_t below =
        distance < 0 ? tail : (std::uint64_t{1} << MixtureTables::kUnitBits) - tail;
    mass += mixture.weights[k] * below;
  }
  const std::uint64_t share =
      (mass / mixture.total * (kWhole - kLevels)) >> MixtureTables::kUnitBits;
  return static_cast<std::uint32_t>(v) + static_cast<std::uint32_t>(share);
}

// Steps that double lead from the likely level to both sides of the one sought; halving does the
// rest.
LogisticMixture::Found LogisticMixture::find(std::uint32_t slot, const Components& mixture) const {
  int low = mixture.likely, high = 0;
  std::uint32_t first = start(mixture, low), last = 0;
  if (first <= slot) {
    for (int step = 1;; step *= 2) {
      high = std::min(low + step, kLevels);
      last = start(mixture, high);
      if (last > slot) break;
      low = high;
      first = last;
    }
  } else {
    for (int step = 1; first > slot; step *= 2) {
      high = low;
      last = first;
      low = std::max(high - step, 0);
      first = start(mixture, low);
    }
  }
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    const std::uint32_t at = start(mixture, middle);
    (at <= slot ? low : high) = middle;
    (at <= slot ? first : last) = at;
  }
  return {low, first, last};
}

std::uint32_t LogisticMixture::start(const std::int32_t* indices, int components, int v) const {
  return start(look_up(indices, components), v);
}

double LogisticMixture::Interval::bits() const {
  return kTotalBits - std::log2(static_cast<double>(freq));
}

LogisticMixture::Interval LogisticMixture::interval(const std::int32_t* indices, int components,
                                                    int v) const {
  const auto mixture = look_up(indices, components);
  const std::uint32_t first = start(mixture, v);
  return {first, start(mixture, v + 1) - first};
}

int LogisticMixture::decode(FineRansDecoder& decoder, const std::int32_t* indices,
                            int components) const {
  const auto found = find(decoder.slot(kTotalBits), look_up(indices, components));
  decoder.advance(found.first, found.last - found.first, kTotalBits);
  return found.level;
}

int LogisticMixture::level_of(std::uint32_t slot, const std::int32_t* indices,
                              int components) const {
  return find(slot, look_up(indices, components)).level;
}

int LogisticMixture::median(const std::int32_t* indices, int components) const {
  return level_of(kWhole / 2 - 1, indices, components);
}

}  // namespace pie

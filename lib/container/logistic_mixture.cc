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

std::uint32_t LogisticMixture::start(const std::int32_t* indices, int components, int v) const {
  if (v <= 0) return 0;
  if (v >= kLevels) return kWhole;
  constexpr std::uint64_t kFraction = 1U << MixtureTables::kFractionBits;
  std::uint64_t mass = 0, weights = 0;
  for (int k = 0; k < components; ++k) {
    const auto weight = tables_.weights[static_cast<std::size_t>(indices[k] - kWeightIndices.low)];
    const auto rate =
        tables_.rates[static_cast<std::size_t>(indices[2 * components + k] - kScaleIndices.low)];
    // From the mean to the lower edge of v, in units of 1/8 level.
    const std::int32_t distance =
        kIndicesPerUnit * v - kIndicesPerUnit / 2 - indices[components + k];
    const std::uint64_t argument =
        std::uint64_t{static_cast<std::uint32_t>(std::abs(distance))} * rate;
    const std::uint64_t at = argument / kFraction;
    std::uint64_t tail = 0;
    if (at + 1 < MixtureTables::kTailEntries) {
      const std::uint64_t near = tables_.tail[at], far = tables_.tail[at + 1];
      tail = near - (near - far) * (argument % kFraction) / kFraction;
    }
    const std::uint64_t below =
        distance < 0 ? tail : (std::uint64_t{1} << MixtureTables::kUnitBits) - tail;
    mass += weight * below;
    weights += weight;
  }
  const std::uint64_t share = (mass / weights * (kWhole - kLevels)) >> MixtureTables::kUnitBits;
  return static_cast<std::uint32_t>(v) + static_cast<std::uint32_t>(share);
}

int LogisticMixture::find(std::uint32_t slot, const std::int32_t* indices, int components,
                          std::uint32_t& first, std::uint32_t& last) const {
  int low = 0, high = kLevels;
  first = 0;
  last = kWhole;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    const std::uint32_t at = start(indices, components, middle);
    (at <= slot ? low : high) = middle;
    (at <= slot ? first : last) = at;
  }
  return low;
}

double LogisticMixture::Interval::bits() const {
  return kTotalBits - std::log2(static_cast<double>(freq));
}

LogisticMixture::Interval LogisticMixture::interval(const std::int32_t* indices, int components,
                                                    int v) const {
  const std::uint32_t first = start(indices, components, v);
  return {first, start(indices, components, v + 1) - first};
}

int LogisticMixture::decode(FineRansDecoder& decoder, const std::int32_t* indices,
                            int components) const {
  std::uint32_t first = 0, last = 0;
  const int v = find(decoder.slot(kTotalBits), indices, components, first, last);
  decoder.advance(first, last - first, kTotalBits);
  return v;
}

int LogisticMixture::level_of(std::uint32_t slot, const std::int32_t* indices,
                              int components) const {
  std::uint32_t first = 0, last = 0;
  return find(slot, indices, components, first, last);
}

int LogisticMixture::median(const std::int32_t* indices, int components) const {
  return level_of(kWhole / 2 - 1, indices, components);
}

}  // namespace pie

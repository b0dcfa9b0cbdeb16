// Frequencies of mixtures of logistics: always a complete partition, close to the formula, and
// refused where their tables are impossible.
#include "lib/coding/logistic_mixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/random.h"
#include "tests/support/mixture_by_format.h"

namespace pie {
namespace {

constexpr std::uint32_t kTotal = 1U << LogisticMixture::kTotalBits;

const LogisticMixture& standard() {
  static const LogisticMixture mixture(MixtureTables::standard());
  return mixture;
}

LogisticMixture::Interval interval(const std::vector<MixtureIndex>& indices, int v) {
  LogisticMixture::Interval own{};
  const auto level = static_cast<std::uint8_t>(v);
  standard().intervals(&level, indices.data(), static_cast<int>(indices.size() / 3), 1, &own);
  EXPECT_EQ(own.level, v);
  return own;
}

int level_of(std::uint32_t slot, const std::vector<MixtureIndex>& indices) {
  LogisticMixture::Interval own{};
  standard().find(&slot, indices.data(), static_cast<int>(indices.size() / 3), 1, &own);
  EXPECT_LE(own.start, slot);
  EXPECT_GT(own.start + own.freq, slot);
  return own.level;
}

// Every level has at least one slot, and together they have all of them.
void expect_partition(const std::vector<MixtureIndex>& indices) {
  std::uint32_t at = 0;
  for (int v = 0; v < LogisticMixture::kLevels; ++v) {
    const auto own = interval(indices, v);
    ASSERT_EQ(own.start, at) << "level " << v;
    ASSERT_GE(own.freq, 1U) << "level " << v;
    ASSERT_LE(own.freq, kTotal);
    at += own.freq;
  }
  ASSERT_EQ(at, kTotal);
}

std::vector<MixtureIndex> random_indices(std::uint64_t seed, int components) {
  const CounterRandom random(seed, 7);
  std::vector<MixtureIndex> indices;
  for (const auto& range : {kWeightIndices, kMeanIndices, kScaleIndices}) {
    for (int k = 0; k < components; ++k) {
      const auto size = static_cast<std::uint32_t>(range.high - range.low + 1);
      indices.push_back(
          range.nearest(range.low + static_cast<std::int32_t>(random.bits(indices.size()) % size)));
    }
  }
  return indices;
}

// Of one component.
std::vector<MixtureIndex> row_of(int mean, int scale) {
  return {0, static_cast<MixtureIndex>(mean), static_cast<MixtureIndex>(scale)};
}

TEST(LogisticMixtures, FrequenciesArePartitionsForEveryMeanAndScale) {
  for (std::int32_t scale = kScaleIndices.low; scale <= kScaleIndices.high; ++scale) {
    // Every phase of the mean against the levels, inside, at the edges and outside.
    for (const int base : {kMeanIndices.low, -8, 0, 1020, 2036, kMeanIndices.high - 8}) {
      for (int mean = base; mean <= base + 8; ++mean) expect_partition(row_of(mean, scale));
    }
  }
}

TEST(LogisticMixtures, FrequenciesArePartitionsForRandomMixtures) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    expect_partition(random_indices(seed, 1 + static_cast<int>(seed % kMaxComponents)));
  }
}

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

TEST(LogisticMixtures, FollowTheFormula) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    constexpr int kComponents = 3;
    const auto indices = random_indices(seed, kComponents);
    double weights = 0, rounding = 0;  // of the smallest weight's table entry
    for (int k = 0; k < kComponents; ++k) {
      weights += std::exp(indices[k] / 8.0);
      rounding = std::max(rounding, 0.5 / std::exp((indices[k] - 63) / 8.0) / (1 << 23));
    }
    for (int v = 0; v < LogisticMixture::kLevels; ++v) {
      double mass = 0;
      for (int k = 0; k < kComponents; ++k) {
        const double mean = indices[kComponents + k] / 8.0;
        const double scale = std::exp(indices[2 * kComponents + k] / 8.0);
        const double below = v == 0 ? 0 : logistic((v - 0.5 - mean) / scale);
        const double above = v == 255 ? 1 : logistic((v + 0.5 - mean) / scale);
        mass += std::exp(indices[k] / 8.0) / weights * (above - below);
      }
      const double found = static_cast<double>(interval(indices, v).freq) / kTotal;
      // Interpolation is off by at most 0.1 / 8 / 64^2 of the whole, rates by 0.4 %, weights by
      // their rounding, above and below the line; the floor is 2^-24.
      EXPECT_NEAR(found, mass, (0.01 + 2 * rounding) * mass + 1e-5)
          << "seed " << seed << ", level " << v;
    }
  }
}

TEST(LogisticMixtures, AreTheFormatsIntegers) {
  // The tables of a model, and some at the limits of what a model file may hold.
  std::vector<MixtureTables> all(3, MixtureTables::standard());
  constexpr std::uint32_t kLargest = 1U << 24, kSteepest = 1U << 21;
  for (std::size_t t = 1; t < all.size(); ++t) {
    std::fill(all[t].weights.begin(), all[t].weights.end(), kLargest);
    std::fill(all[t].rates.begin(), all[t].rates.end(), t == 1 ? 1 : kLargest);
    std::uint32_t tail = kLargest;
    for (std::uint32_t& entry : all[t].tail) {
      entry = tail;
      tail -= std::min(tail, kSteepest - (t == 1 ? 0 : 12345));
    }
  }
  for (const auto& tables : all) {
    const LogisticMixture mixture(tables);
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
      const CounterRandom random(seed, 9);
      const int components = 1 + static_cast<int>(seed % kMaxComponents);
      auto indices = random_indices(seed, components);
      // The largest sums of all: equal weights, whatever their size.
      if (seed % 2 == 0) {
        std::fill_n(indices.begin(), components, seed % 4 == 0 ? kWeightIndices.high : indices[0]);
      }
      for (std::uint32_t trial = 0; trial < 16; ++trial) {
        const auto v = static_cast<int>(random.bits(trial) % LogisticMixture::kLevels);
        const auto level = static_cast<std::uint8_t>(v);
        LogisticMixture::Interval own{};
        mixture.intervals(&level, indices.data(), components, 1, &own);
        ASSERT_EQ(own.start, start_by_format(tables, indices.data(), components, v))
            << "seed " << seed << ", level " << v;
        ASSERT_EQ(own.start + own.freq, start_by_format(tables, indices.data(), components, v + 1));
      }
    }
  }
}

// A sample's results do not depend on which others are with it, or how many.
TEST(LogisticMixtures, ManyAtOnceAreTheSameAsOneByOne) {
  constexpr int kComponents = 4;
  for (std::size_t count = 0; count < 12; ++count) {
    const CounterRandom random(count, 10);
    std::vector<MixtureIndex> rows;
    Bytes levels;
    std::vector<std::uint32_t> slots;
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = random_indices(100 * count + i, kComponents);
      rows.insert(rows.end(), row.begin(), row.end());
      levels.push_back(static_cast<std::uint8_t>(random.bits(2 * i) % LogisticMixture::kLevels));
      slots.push_back(random.bits(2 * i + 1) >> 8);
    }
    std::vector<LogisticMixture::Interval> own(count), found(count);
    standard().intervals(levels.data(), rows.data(), kComponents, count, own.data());
    standard().find(slots.data(), rows.data(), kComponents, count, found.data());
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = random_indices(100 * count + i, kComponents);
      EXPECT_EQ(own[i].start, interval(row, static_cast<int>(levels[i])).start);
      EXPECT_EQ(found[i].level, level_of(slots[i], row));
    }
  }
}

TEST(LogisticMixtures, TheMiddleSlotIsTheMedians) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto indices = random_indices(seed, 3);
    const auto own = interval(indices, level_of(kTotal / 2 - 1, indices));
    EXPECT_LT(own.start, kTotal / 2);
    EXPECT_GE(own.start + own.freq, kTotal / 2);
  }
}

TEST(LogisticMixtures, ImpossibleTablesAreRefused) {
  const auto refuse = [](const auto& spoil) {
    auto tables = MixtureTables::standard();
    spoil(tables);
    EXPECT_THROW(LogisticMixture{tables}, DamagedError);
  };
  refuse([](MixtureTables& t) { t.tail.back() = 1; });
  refuse([](MixtureTables& t) { t.tail[5] = t.tail[4] + 1; });
  refuse([](MixtureTables& t) { t.tail.front() = (1U << 24) + 1; });
  refuse([](MixtureTables& t) { t.tail.pop_back(); });
  refuse([](MixtureTables& t) { std::fill(t.tail.begin() + 1, t.tail.end(), 0); });
  refuse([](MixtureTables& t) { t.weights[3] = 0; });
  refuse([](MixtureTables& t) { t.rates.push_back(1); });
  refuse([](MixtureTables& t) { t.rates[0] = (1U << 24) + 1; });
}

}  // namespace
}  // namespace pie

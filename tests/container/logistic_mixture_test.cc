// Frequencies of mixtures of logistics: always a complete partition, close to the formula, and
// refused where their tables are impossible.
#include "lib/container/logistic_mixture.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/base/error.h"
#include "lib/base/random.h"

namespace pie {
namespace {

constexpr std::uint32_t kTotal = 1U << LogisticMixture::kTotalBits;

const LogisticMixture& standard() {
  static const LogisticMixture mixture(MixtureTables::standard());
  return mixture;
}

// Every level has at least one slot, and together they have all of them.
void expect_partition(const std::vector<std::int32_t>& indices) {
  const int components = static_cast<int>(indices.size() / 3);
  std::uint32_t at = 0;
  for (int v = 0; v < LogisticMixture::kLevels; ++v) {
    const auto own = standard().interval(indices.data(), components, v);
    ASSERT_EQ(own.start, at) << "level " << v;
    ASSERT_GE(own.freq, 1U) << "level " << v;
    ASSERT_LE(own.freq, kTotal);
    at += own.freq;
  }
  ASSERT_EQ(at, kTotal);
}

std::vector<std::int32_t> random_indices(std::uint64_t seed, int components) {
  const CounterRandom random(seed, 7);
  std::vector<std::int32_t> indices;
  for (const auto& range : {kWeightIndices, kMeanIndices, kScaleIndices}) {
    for (int k = 0; k < components; ++k) {
      const auto size = static_cast<std::uint32_t>(range.high - range.low + 1);
      indices.push_back(range.low + static_cast<std::int32_t>(random.bits(indices.size()) % size));
    }
  }
  return indices;
}

TEST(LogisticMixtures, FrequenciesArePartitionsForEveryMeanAndScale) {
  for (std::int32_t scale = kScaleIndices.low; scale <= kScaleIndices.high; ++scale) {
    // Every phase of the mean against the levels, inside, at the edges and outside.
    for (const std::int32_t base : {kMeanIndices.low, -8, 0, 1020, 2036, kMeanIndices.high - 8}) {
      for (std::int32_t mean = base; mean <= base + 8; ++mean) expect_partition({0, mean, scale});
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
      const double found =
          static_cast<double>(standard().interval(indices.data(), kComponents, v).freq) / kTotal;
      // Interpolation is off by at most 0.1 / 8 / 64^2 of the whole, rates by 0.4 %, weights by
      // their rounding, above and below the line; the floor is 2^-24.
      EXPECT_NEAR(found, mass, (0.01 + 2 * rounding) * mass + 1e-5)
          << "seed " << seed << ", level " << v;
    }
  }
}

TEST(LogisticMixtures, DecodeWhatWasEncoded) {
  std::vector<std::vector<std::int32_t>> mixtures;
  std::vector<int> levels;
  FineRansEncoder encoder;
  double ideal = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    mixtures.push_back(random_indices(seed, 4));
    const CounterRandom random(seed, 8);
    // Mostly as the mixture says, sometimes anything.
    levels.push_back(seed % 8 == 0
                         ? static_cast<int>(random.bits(0) % 256)
                         : standard().level_of(random.bits(0) >> 8, mixtures.back().data(), 4));
    const auto own = standard().interval(mixtures.back().data(), 4, levels.back());
    encoder.put(own.start, own.freq, LogisticMixture::kTotalBits);
    ideal += own.bits();
  }
  const Bytes bytes = encoder.finish();
  EXPECT_LE(8.0 * static_cast<double>(bytes.size()), ideal * 1.001 + 32);
  FineRansDecoder decoder({bytes.data(), bytes.size()});
  for (std::size_t i = 0; i < levels.size(); ++i) {
    ASSERT_EQ(standard().decode(decoder, mixtures[i].data(), 4), levels[i]);
  }
  decoder.finish();
}

TEST(LogisticMixtures, MedianHalvesTheMass) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto indices = random_indices(seed, 3);
    const int median = standard().median(indices.data(), 3);
    EXPECT_LT(standard().start(indices.data(), 3, median), kTotal / 2);
    EXPECT_GE(standard().start(indices.data(), 3, median + 1), kTotal / 2);
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
  refuse([](MixtureTables& t) { t.weights[3] = 0; });
  refuse([](MixtureTables& t) { t.rates.push_back(1); });
  refuse([](MixtureTables& t) { t.rates[0] = (1U << 24) + 1; });
}

}  // namespace
}  // namespace pie

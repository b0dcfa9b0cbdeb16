// The committed table is the normal distribution, and the frequencies made of it waste next to
// nothing.
#include "lib/coding/normal_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::int32_t kMin = std::numeric_limits<std::int32_t>::min();

TEST(NormalTable, AgreesWithErfcToOneUnit) {
  for (std::size_t i = 0; i < kNormalTail.size(); ++i) {
    const double tail = 0.5 * std::erfc(static_cast<double>(i) / 1024 / std::sqrt(2.0));
    ASSERT_NEAR(kNormalTail[i], tail * 0x1p30, 1.0) << "entry " << i;
    ASSERT_LE(kNormalTail[i], kNormalTail[i == 0 ? 0 : i - 1]);
  }
  EXPECT_EQ(kNormalTail[0], 1U << 29);
}

TEST(NormalTable, CdfIsMonotonicAndSymmetric) {
  std::uint32_t before = 0;
  for (std::int64_t h = -17000; h <= 17000; ++h) {
    const std::uint32_t value = normal_cdf(h);
    ASSERT_GE(value, before);
    ASSERT_EQ(value + normal_cdf(-h), 1U << 31);
    before = value;
  }
  EXPECT_EQ(normal_cdf(17000), 1U << 31);
  EXPECT_EQ(normal_cdf(0), 1U << 30);
}

TEST(NormalSymbols, FrequenciesAddUpForEveryStep) {
  for (std::uint32_t step = 1; step <= kMaxStep; step += step < 300 ? 1 : 97) {
    const NormalSymbols table(step);
    std::uint64_t total = table.escape().freq;
    ASSERT_GE(table.escape().freq, 1U);
    for (std::int32_t k = -table.largest(); k <= table.largest(); ++k) {
      ASSERT_GE(table.interval(k).freq, 1U) << "step " << step << " symbol " << k;
      total += table.interval(k).freq;
    }
    ASSERT_EQ(total, 1U << 16) << "step " << step;
    ASSERT_FALSE(table.has(table.largest() + 1));
    ASSERT_FALSE(table.has(kMin));
  }
  EXPECT_THROW(NormalSymbols(0), UsageError);
  EXPECT_THROW(NormalSymbols(kMaxStep + 1), UsageError);
}

TEST(NormalSymbols, EverySlotHasTheOwnerWhoseIntervalHoldsIt) {
  for (const std::uint32_t step : {1U, 100U, 1024U, kMaxStep}) {
    const NormalSymbols table(step);
    for (std::uint32_t slot = 0; slot < 1U << 16; ++slot) {
      const auto found = table.find(slot);
      const auto own = found.escaped ? table.escape() : table.interval(found.symbol);
      ASSERT_EQ(found.interval.start, own.start);
      ASSERT_EQ(found.interval.freq, own.freq);
      ASSERT_LT(slot - own.start, own.freq);  // unsigned: also not below
    }
  }
}

TEST(NormalSymbols, IdealBitsAreThoseOfTheNormalDistribution) {
  const NormalSymbols table(512);  // bins of half a sigma
  const auto phi = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  EXPECT_NEAR(table.ideal_bits(0), -std::log2(phi(0.25) - phi(-0.25)), 1e-12);
  EXPECT_NEAR(table.ideal_bits(3), -std::log2(phi(1.75) - phi(1.25)), 1e-12);
  EXPECT_EQ(table.ideal_bits(-3), table.ideal_bits(3));
  // The switch from erfc to its asymptotic series, at 30 sigma, is smooth to a part in 10^4.
  const double jump = table.ideal_bits(61) - table.ideal_bits(60);
  EXPECT_NEAR(jump, table.ideal_bits(60) - table.ideal_bits(59), 0.5);
  EXPECT_TRUE(std::isfinite(table.ideal_bits(kMin)));
}

// Expected bits under N(0, 1): by the table, relative to the ideal, in percent.
double gap_percent(std::uint32_t step) {
  const NormalSymbols table(step);
  double coded = 0;
  double ideal = 0;
  for (std::int32_t k = 0; k * static_cast<std::int64_t>(step) < 12 * 1024; ++k) {
    const double probability = (k == 0 ? 1 : 2) * std::exp2(-table.ideal_bits(k));
    coded += probability * table.coded_bits(k);
    ideal += probability * table.ideal_bits(k);
  }
  return 100 * (coded / ideal - 1);
}

TEST(NormalSymbols, GapToIdealIsSmall) {
  double worst = 0;
  for (std::uint32_t step = 16; step <= 1024; ++step) worst = std::max(worst, gap_percent(step));
  RecordProperty("worst_gap_percent", std::to_string(worst));
  EXPECT_LT(worst, 0.02);
  for (const std::uint32_t step : {1U, 2U, 4U, 8U, 16U, 64U, 256U, 1024U, 2048U, 4096U}) {
    EXPECT_LT(gap_percent(step), 0.15) << "step " << step;
  }
}

}  // namespace
}  // namespace pie

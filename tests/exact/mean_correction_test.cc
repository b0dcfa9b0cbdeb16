// Corrections find linear relations, and both sides compute them alike.
#include "lib/exact/mean_correction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "lib/base/random.h"

namespace pie {
namespace {

const CellGrid kGrid{1, 40, 30};

ExactPlane plane_of(std::size_t phase, std::int64_t channel, std::int64_t columns = 30) {
  return {1, 0, phase, channel, 39, columns};
}

std::vector<Bytes> random_planes(std::uint64_t seed) {
  const CounterRandom random(seed, 0);
  std::vector<Bytes> planes;
  for (std::uint64_t i = 0; i < 3 * kGrid.cells(); ++i) {
    if (i % kGrid.cells() == 0) planes.emplace_back();
    planes.back().push_back(static_cast<std::uint8_t>(random.bits(i) % 256));
  }
  return planes;
}

TEST(Correction, SumsAreTheTapsTimesTheCoefficients) {
  const auto coarse = random_planes(1), diagonal = random_planes(2), before = random_planes(3);
  const Surroundings around{kGrid, &coarse, &diagonal, &before};
  const CounterRandom random(4, 0);
  CorrectionTaps taps;
  for (const std::size_t phase : {0, 1, 2}) {
    for (const std::int64_t channel : {0, 1, 2}) {
      const auto plane = plane_of(phase, channel, channel == 1 ? 29 : 30);
      taps.enter(plane, around);
      const auto samples = static_cast<std::size_t>(plane.samples());
      const auto count = CorrectionTaps::count(plane);
      std::vector<std::int16_t> means;
      Bytes levels;
      for (std::uint64_t i = 0; i < samples; ++i) {
        means.push_back(static_cast<std::int16_t>(static_cast<int>(random.bits(i) % 2560) - 256));
        levels.push_back(static_cast<std::uint8_t>(random.bits(i) >> 24));
      }
      std::vector<std::int32_t> coefficients;
      for (std::uint64_t t = 0; t < count; ++t) {
        coefficients.push_back(static_cast<std::int32_t>(random.bits(1000 + t) % 2047) - 1023);
      }
      const auto columns = static_cast<std::size_t>(plane.columns);
      std::vector<std::int16_t> row(columns * count);
      std::vector<std::int32_t> sums(columns);
      for (std::int64_t y = 0; y < plane.rows; ++y) {
        taps.row(plane, around, y, means.data() + y * plane.columns, row.data());
        CorrectionTaps::sums(row.data(), plane.columns, coefficients, sums.data());
        for (std::size_t x = 0; x < columns; ++x) {
          std::int64_t sum = 128;  // half of 2^8
          for (std::size_t t = 0; t < count; ++t) sum += coefficients[t] * row[t * columns + x];
          EXPECT_EQ(sums[x], (sum - (sum % 256 + 256) % 256) / 256);
        }
      }
      taps.learn(plane, around, means, levels);
    }
  }
}

// The first taps of channel 1 are the errors of channel 0 in the same cells.
TEST(Correction, ErrorsBecomeTaps) {
  const auto coarse = random_planes(1), before = random_planes(3);
  const Surroundings around{kGrid, &coarse, &coarse, &before};
  const auto first = plane_of(0, 0), second = plane_of(0, 1);
  const auto samples = static_cast<std::size_t>(first.samples());
  CorrectionTaps taps;
  const std::vector<std::int16_t> means(samples, 100);
  const Bytes levels(before[0].begin(), before[0].begin() + first.samples());
  taps.enter(first, around);
  taps.learn(first, around, means, levels);
  taps.enter(second, around);
  const auto count = CorrectionTaps::count(second);
  std::vector<std::int16_t> row(static_cast<std::size_t>(second.columns) * count);
  for (std::int64_t y = 0; y < second.rows; ++y) {
    taps.row(second, around, y, means.data(), row.data());
    for (std::int64_t x = 0; x < second.columns; ++x) {
      EXPECT_EQ(row[static_cast<std::size_t>(x)],
                kMeanSteps * levels[static_cast<std::size_t>(y * first.columns + x)] - 100);
    }
  }
}

// Of planes that were not corrected, for they are too small or have no samples, nothing is learned.
TEST(Correction, ErrorsOfOtherPlanesAreZero) {
  const auto coarse = random_planes(1), before = random_planes(3);
  const Surroundings around{kGrid, &coarse, &coarse, &before};
  const auto plane = plane_of(2, 2);
  CorrectionTaps taps;
  taps.enter(plane, around);
  std::vector<std::int16_t> row(static_cast<std::size_t>(plane.columns) *
                                CorrectionTaps::count(plane));
  const std::vector<std::int16_t> means(static_cast<std::size_t>(plane.columns), 100);
  taps.row(plane, around, 5, means.data(), row.data());
  const auto errors = static_cast<std::ptrdiff_t>(2 + 2 * 5) * plane.columns;
  EXPECT_EQ(std::count(row.begin(), row.begin() + errors, 0), errors);
}

TEST(Correction, FitsWhatWasPlanted) {
  constexpr std::size_t kTaps = 6, kRows = 41, kColumns = 123;  // no whole number of vectors
  const CounterRandom random(7, 0);
  const std::vector<double> planted{0.5, -0.25, 0, 1.5, -2, 0.125};
  CorrectionFit fit(kTaps);
  for (std::uint64_t y = 0; y < kRows; ++y) {
    std::vector<std::int16_t> taps(kTaps * kColumns);
    std::vector<float> errors, variances;
    for (std::uint64_t x = 0; x < kColumns; ++x) {
      const std::uint64_t i = y * kColumns + x;
      double sum = 4 * random.normal(100000 + i);
      for (std::uint64_t t = 0; t < kTaps; ++t) {
        auto& tap = taps[t * kColumns + x];
        tap = static_cast<std::int16_t>(std::lround(40 * random.normal(i * kTaps + t)));
        sum += planted[t] * tap;
      }
      errors.push_back(static_cast<float>(sum));
      // Wide enough that nothing counts as an exception.
      variances.push_back(i % 2 == 0 ? 20000.0F : 60000.0F);
    }
    fit.add(taps.data(), kColumns, errors.data(), variances.data());
  }
  const auto found = fit.coefficients();
  ASSERT_EQ(found.size(), kTaps);
  // The standard error is about 4 / 40 / sqrt(5000) = 0.0014; four of them, and rounding.
  for (std::size_t t = 0; t < kTaps; ++t) {
    EXPECT_NEAR(found[t] / 256.0, planted[t], 4 * 0.0016 + 1.0 / 512) << t;
  }
}

TEST(Correction, FitsTapsThatAreAlikeOrZero) {
  constexpr std::size_t kSamples = 100;
  std::vector<std::int16_t> taps(3 * kSamples);
  std::vector<float> errors;
  for (std::size_t i = 0; i < kSamples; ++i) {
    taps[i] = taps[kSamples + i] = static_cast<std::int16_t>(static_cast<int>(i) - 50);
    errors.push_back(taps[i]);
  }
  CorrectionFit fit(3);
  fit.add(taps.data(), kSamples, errors.data(), std::vector<float>(kSamples, 2500).data());
  const auto found = fit.coefficients();
  EXPECT_NEAR(found[0] + found[1], 256, 4);
  EXPECT_EQ(found[2], 0);
  EXPECT_EQ(CorrectionFit(3).coefficients(), std::vector<std::int32_t>(3, 0));
  CorrectionFit far(3);
  far.add(taps.data(), kSamples, std::vector<float>(kSamples, 1e6F).data(),
          std::vector<float>(kSamples, 1e12F).data());
  for (const auto value : far.coefficients()) {
    EXPECT_LE(std::abs(value), Correction::kLargestCoefficient);
  }
}

}  // namespace
}  // namespace pie

// Corrections find linear relations, and both sides compute them alike.
#include "lib/exact/mean_correction.h"

#include <gtest/gtest.h>

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
      const auto sums = taps.sums(plane, around, means, coefficients);
      ASSERT_EQ(sums.size(), samples);
      std::vector<std::int16_t> row(static_cast<std::size_t>(plane.columns) * count);
      for (std::int64_t y = 0; y < plane.rows; ++y) {
        taps.row(plane, around, y, means.data() + y * plane.columns, row.data());
        for (std::int64_t x = 0; x < plane.columns; ++x) {
          std::int64_t sum = 128;  // half of 2^8
          for (std::size_t t = 0; t < count; ++t) {
            sum += coefficients[t] * row[static_cast<std::size_t>(x) * count + t];
          }
          EXPECT_EQ(sums[static_cast<std::size_t>(y * plane.columns + x)],
                    (sum - (sum % 256 + 256) % 256) / 256);
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
  taps.learn(first, around, means, levels);
  const auto count = CorrectionTaps::count(second);
  std::vector<std::int16_t> row(static_cast<std::size_t>(second.columns) * count);
  for (std::int64_t y = 0; y < second.rows; ++y) {
    taps.row(second, around, y, means.data(), row.data());
    for (std::int64_t x = 0; x < second.columns; ++x) {
      EXPECT_EQ(row[static_cast<std::size_t>(x) * count],
                kMeanSteps * levels[static_cast<std::size_t>(y * first.columns + x)] - 100);
    }
  }
}

TEST(Correction, FitsWhatWasPlanted) {
  constexpr std::size_t kTaps = 6, kSamples = 5000;
  const CounterRandom random(7, 0);
  const std::vector<double> planted{0.5, -0.25, 0, 1.5, -2, 0.125};
  std::vector<std::int16_t> taps;
  std::vector<float> errors, variances;
  for (std::uint64_t i = 0; i < kSamples; ++i) {
    double sum = 4 * random.normal(100000 + i);
    for (std::uint64_t t = 0; t < kTaps; ++t) {
      taps.push_back(static_cast<std::int16_t>(std::lround(40 * random.normal(i * kTaps + t))));
      sum += planted[t] * taps.back();
    }
    errors.push_back(static_cast<float>(sum));
    // Wide enough that nothing counts as an exception.
    variances.push_back(i % 2 == 0 ? 20000.0F : 60000.0F);
  }
  const auto found = fit_correction(taps, kTaps, errors, variances);
  ASSERT_EQ(found.size(), kTaps);
  // The standard error is about 4 / 40 / sqrt(5000) = 0.0014; four of them, and rounding.
  for (std::size_t t = 0; t < kTaps; ++t) {
    EXPECT_NEAR(found[t] / 256.0, planted[t], 4 * 0.0016 + 1.0 / 512) << t;
  }
}

TEST(Correction, FitsTapsThatAreAlikeOrZero) {
  std::vector<std::int16_t> taps;
  std::vector<float> errors;
  for (int i = 0; i < 100; ++i) {
    const auto value = static_cast<std::int16_t>(i - 50);
    for (const int same : {1, 1, 0}) taps.push_back(static_cast<std::int16_t>(same * value));
    errors.push_back(static_cast<float>(value));
  }
  const auto found = fit_correction(taps, 3, errors, std::vector<float>(100, 2500));
  EXPECT_NEAR(found[0] + found[1], 256, 4);
  EXPECT_EQ(found[2], 0);
  const auto nothing = fit_correction({}, 3, {}, {});
  EXPECT_EQ(nothing, std::vector<std::int32_t>(3, 0));
  for (const auto value :
       fit_correction(taps, 3, std::vector<float>(100, 1e6F), std::vector<float>(100, 1e12F))) {
    EXPECT_LE(std::abs(value), Correction::kLargestCoefficient);
  }
}

}  // namespace
}  // namespace pie

// Features are what their comments say, for every input there can be.
#include "lib/exact/features.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/random.h"

namespace pie {
namespace {

constexpr std::size_t kStride = 3;
constexpr std::uint8_t kUntouched = 200;  // no activation

// The column that `write` fills of rows of kStride features, whose others must stay.
template <typename Write>
std::vector<int> column(std::size_t cells, const Write& write) {
  Bytes rows(cells * kStride, kUntouched);
  write(FeatureColumn{rows.data() + 1, kStride});
  std::vector<int> result;
  for (std::size_t i = 0; i < cells; ++i) {
    EXPECT_EQ(rows[i * kStride], kUntouched);
    EXPECT_EQ(rows[i * kStride + 2], kUntouched);
    result.push_back(rows[i * kStride + 1]);
  }
  return result;
}

Bytes all_levels() {
  Bytes levels;
  for (int level = 0; level < 256; ++level) levels.push_back(static_cast<std::uint8_t>(level));
  return levels;
}

Bytes random_levels(const CellGrid& grid, std::uint64_t seed) {
  Bytes levels(grid.cells());
  const CounterRandom random(seed, 0);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    levels[i] = static_cast<std::uint8_t>(random.bits(i) & 255U);
  }
  return levels;
}

std::vector<int> differences(const Bytes& levels, const std::vector<std::int16_t>& means) {
  return column(levels.size(), [&](FeatureColumn to) {
    difference_feature(levels.data(), means.data(), levels.size(), to);
  });
}

// Of a difference in levels.
int difference(int levels) {
  return differences({static_cast<std::uint8_t>(std::max(levels, 0))},
                     {static_cast<std::int16_t>(8 * std::max(-levels, 0))})[0];
}

TEST(Features, LevelsAndTheirLowBits) {
  const auto levels = all_levels();
  const auto halves = column(256, [&](FeatureColumn to) { level_feature(levels.data(), 256, to); });
  const auto low = column(256, [&](FeatureColumn to) { low_bits_feature(levels.data(), 256, to); });
  for (std::size_t level = 0; level < 256; ++level) {
    EXPECT_EQ(halves[level], static_cast<int>(level) / 2);
    EXPECT_EQ(low[level], static_cast<int>(level) % 16 * 8);
  }
}

// Four steps a level up to 8 levels, one from there to 39.
TEST(Features, DifferencesAreFineWhereTheyAreSmall) {
  for (int levels = 0; levels <= 255; ++levels) {
    const int steps = std::min(4 * std::min(levels, 8) + std::max(levels - 8, 0), 63);
    EXPECT_EQ(difference(levels), 64 + steps);
    EXPECT_EQ(difference(-levels), 64 - steps);
  }
}

// For all levels and means.
TEST(Features, DifferencesAreOddMonotoneActivations) {
  std::map<int, int> feature;  // by the difference in steps of 1/8 level
  std::vector<std::int16_t> means;
  for (int mean = kLowestMean; mean <= kHighestMean; ++mean) {
    means.push_back(static_cast<std::int16_t>(mean));
  }
  for (int level = 0; level < 256; ++level) {
    const auto found = differences(Bytes(means.size(), static_cast<std::uint8_t>(level)), means);
    for (std::size_t i = 0; i < means.size(); ++i) {
      const auto known = feature.emplace(8 * level - means[i], found[i]);
      EXPECT_EQ(known.first->second, found[i]);  // of the difference alone
    }
  }
  int last = 0;
  for (const auto& [eighths, value] : feature) {
    EXPECT_GE(value, last) << eighths;
    EXPECT_LE(value, 127) << eighths;
    last = value;
    // Steps are of 2/8 levels; halves of them are rounded up.
    const bool half = eighths % 2 != 0;
    const auto other = feature.find(half ? eighths + 1 : -eighths);
    if (other == feature.end()) continue;
    EXPECT_EQ(other->second, half ? value : 128 - value) << eighths;
  }
}

TEST(Features, StepsByHand) {
  // Two images of 2x3.
  const CellGrid grid{2, 2, 3};
  const Bytes levels{10, 12, 9, 10, 20, 9, 255, 255, 0, 0, 255, 255};
  const auto right =
      column(12, [&](FeatureColumn to) { step_feature(levels.data(), grid, false, to); });
  const auto down =
      column(12, [&](FeatureColumn to) { step_feature(levels.data(), grid, true, to); });
  EXPECT_EQ(right, (std::vector<int>{72, 52, 64, 98, 29, 64, 64, 1, 64, 127, 64, 64}));
  EXPECT_EQ(down, (std::vector<int>{64, 96, 64, 64, 64, 64, 1, 64, 127, 64, 64, 64}));
}

TEST(Features, StepsAreDifferencesOfNeighbours) {
  for (const auto& grid :
       {CellGrid{1, 1, 1}, CellGrid{2, 1, 5}, CellGrid{3, 4, 1}, CellGrid{2, 5, 7}}) {
    const auto levels = random_levels(grid, 1);
    for (const bool down : {false, true}) {
      const auto steps = column(
          grid.cells(), [&](FeatureColumn to) { step_feature(levels.data(), grid, down, to); });
      for (std::size_t i = 0; i < grid.cells(); ++i) {
        const auto at = static_cast<std::int64_t>(i);
        const bool last = down ? at / grid.width % grid.height == grid.height - 1
                               : at % grid.width == grid.width - 1;
        const std::int64_t next = last ? at : at + (down ? grid.width : 1);
        EXPECT_EQ(steps[i], difference(levels[static_cast<std::size_t>(next)] - levels[i])) << i;
      }
    }
  }
}

TEST(Features, PositionsRunFrom0To127InEachImage) {
  for (const auto& grid :
       {CellGrid{1, 1, 1}, CellGrid{2, 1, 2}, CellGrid{2, 3, 4}, CellGrid{1, 128, 300}}) {
    for (const bool down : {false, true}) {
      const auto positions =
          column(grid.cells(), [&](FeatureColumn to) { position_feature(grid, down, to); });
      const std::int64_t last = (down ? grid.height : grid.width) - 1;
      for (std::size_t i = 0; i < grid.cells(); ++i) {
        const auto cell = static_cast<std::int64_t>(i);
        const std::int64_t at = down ? cell / grid.width % grid.height : cell % grid.width;
        // Equal steps, rounded down; of a single row or column it is the first.
        EXPECT_EQ(positions[i], last == 0 ? 0 : at * 127 / last) << i;
      }
      EXPECT_EQ(positions.front(), 0);
      EXPECT_EQ(positions.back(), last == 0 ? 0 : 127);
    }
  }
}

TEST(Features, ConstantsFillTheirColumn) {
  EXPECT_EQ(column(5, [](FeatureColumn to) { constant_feature(7, 5, to); }),
            std::vector<int>(5, 7));
}

// The four known samples next to each that a phase has, in the image that the planes are taken
// from; beyond an edge, those of the nearest cell. Ascending.
std::vector<std::vector<int>> naive_neighbours(const Bytes& coarse, const Bytes& diagonal,
                                               const CellGrid& grid, std::size_t phase) {
  const auto [dy, dx] = kCellPhases.at(phase);
  std::vector<std::vector<int>> all;
  for (std::int64_t cell = 0; cell < static_cast<std::int64_t>(grid.cells()); ++cell) {
    const std::int64_t image = cell / (grid.height * grid.width);
    const std::int64_t y = 2 * (cell / grid.width % grid.height) + dy,
                       x = 2 * (cell % grid.width) + dx;
    auto& four = all.emplace_back();
    for (const std::int64_t ny : {-1, 0, 1}) {
      for (const std::int64_t nx : {-1, 0, 1}) {
        const bool corner = ny != 0 && nx != 0, edge = (ny != 0) != (nx != 0);
        if (!(dy == 1 && dx == 1 ? corner : edge)) continue;
        // Of even places the coarse image, of odd ones the diagonal.
        const std::int64_t odd = (y + ny) & 1;
        EXPECT_EQ((x + nx) & 1, odd);
        const auto row = std::clamp<std::int64_t>((y + ny - odd) / 2, 0, grid.height - 1);
        const auto column = std::clamp<std::int64_t>((x + nx - odd) / 2, 0, grid.width - 1);
        const auto at = static_cast<std::size_t>((image * grid.height + row) * grid.width + column);
        four.push_back(odd == 0 ? coarse[at] : diagonal[at]);
      }
    }
    std::sort(four.begin(), four.end());
  }
  return all;
}

TEST(KnownNeighbours, AreTheFourNearestAndExpectedIsTheirMean) {
  for (const auto& grid : {CellGrid{1, 1, 1}, CellGrid{3, 1, 1}, CellGrid{2, 1, 4},
                           CellGrid{2, 3, 1}, CellGrid{3, 3, 5}, CellGrid{1, 8, 9}}) {
    const auto coarse = random_levels(grid, 1), diagonal = random_levels(grid, 2);
    for (std::size_t phase = 0; phase < kCellPhases.size(); ++phase) {
      SCOPED_TRACE(std::to_string(grid.height) + "x" + std::to_string(grid.width) + ", phase " +
                   std::to_string(phase));
      std::vector<std::int16_t> means(grid.cells());
      expected_means(coarse.data(), diagonal.data(), grid, phase, means.data());
      const auto expected = naive_neighbours(coarse, diagonal, grid, phase);
      for (std::size_t i = 0; i < grid.cells(); ++i) {
        const auto cell = static_cast<std::int64_t>(i);
        auto four = neighbour_levels(coarse.data(), diagonal.data(), grid, phase, cell / grid.width,
                                     cell % grid.width);
        std::sort(four.begin(), four.end());
        EXPECT_EQ(std::vector<int>(four.begin(), four.end()), expected[i]) << i;
        // Exact: sums of four are multiples of a quarter.
        EXPECT_EQ(means[i],
                  kMeanSteps * std::accumulate(expected[i].begin(), expected[i].end(), 0) / 4)
            << i;
      }
    }
  }
}

// The largest sum is in range.
TEST(KnownNeighbours, OfAFlatImageExpectItsLevel) {
  const CellGrid grid{1, 3, 3};
  for (const int level : {0, 1, 128, 255}) {
    const Bytes flat(grid.cells(), static_cast<std::uint8_t>(level));
    for (std::size_t phase = 0; phase < kCellPhases.size(); ++phase) {
      std::vector<std::int16_t> means(grid.cells());
      expected_means(flat.data(), flat.data(), grid, phase, means.data());
      for (const auto mean : means) EXPECT_EQ(mean, kMeanSteps * level);
    }
  }
}

}  // namespace
}  // namespace pie

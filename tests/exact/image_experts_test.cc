// Experts know what an image has shown, no more, and say it alike whoever asks.
#include "lib/exact/image_experts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "lib/base/random.h"

namespace pie {
namespace {

constexpr std::int64_t kHeight = 5, kWidth = 7;
const CellGrid kGrid{1, kHeight, kWidth};

ExactPlane plane_of(std::int64_t channel, std::size_t phase = 1) {
  return {1, 0, phase, channel, kHeight, kWidth};
}

// Planes of few colours.
std::vector<Bytes> planes(std::uint64_t seed, std::uint32_t colours) {
  std::vector<Bytes> result;
  const CounterRandom random(seed, 0);
  for (std::uint64_t i = 0; i < 3 * kGrid.cells(); ++i) {
    if (i % kGrid.cells() == 0) result.emplace_back();
    result.back().push_back(static_cast<std::uint8_t>(random.bits(i) % colours * 20));
  }
  return result;
}

// The set of each sample, by the lengths of all.
std::vector<Bytes> by_sample(const LevelSets& sets) {
  std::vector<Bytes> result;
  auto at = sets.levels.begin();
  for (const auto size : sets.sizes) {
    result.emplace_back(at, at + size);
    at += size;
  }
  EXPECT_EQ(at, sets.levels.end());
  return result;
}

TEST(SeenLevels, KeepEachCombinationApart) {
  const CounterRandom random(3, 0);
  for (const int channel : {0, 1, 2}) {
    SeenLevels seen(channel);
    std::set<std::vector<int>> expected;
    for (std::uint64_t i = 0; i < 300; ++i) {
      const std::array<std::uint8_t, 2> given{
          static_cast<std::uint8_t>(random.bits(3 * i) % 3),
          static_cast<std::uint8_t>(255 - random.bits(3 * i + 1) % 2)};
      const auto level = static_cast<std::uint8_t>(random.bits(3 * i + 2) % 256);
      seen.add(given.data(), level);
      std::vector<int> key(given.begin(), given.begin() + channel);
      key.push_back(level);
      expected.insert(key);
    }
    std::size_t total = 0;
    for (std::uint8_t a = 0; a < (channel > 0 ? 3 : 1); ++a) {
      for (int b = 255; b > (channel > 1 ? 253 : 254); --b) {
        const std::array<std::uint8_t, 2> given{a, static_cast<std::uint8_t>(b)};
        std::array<std::uint8_t, 256> levels{};
        const auto count = seen.levels(given.data(), levels.data());
        EXPECT_EQ(std::min<std::size_t>(count, 255), seen.count(given.data()));
        EXPECT_TRUE(std::is_sorted(levels.begin(), levels.begin() + count));
        for (std::size_t i = 0; i < count; ++i) {
          std::vector<int> key(given.begin(), given.begin() + channel);
          key.push_back(levels[i]);
          EXPECT_EQ(expected.count(key), 1U);
        }
        total += count;
      }
    }
    EXPECT_EQ(total, expected.size());
  }
}

// The order of parts does not matter.
void row_by_row(std::int64_t rows, const std::function<void(std::int64_t, std::int64_t)>& work) {
  for (std::int64_t row = rows; row-- > 0;) work(row, row + 1);
}

// What is seen is what was learned, and neighbours where nothing was.
TEST(ImageExperts, NameWhatWasSeen) {
  const auto known = planes(1, 4), later = planes(2, 4);
  const std::vector<Bytes> none;
  for (const std::int64_t channel : {0, 1, 2}) {
    ImageExperts experts(3);
    const Surroundings first{kGrid, nullptr, nullptr, &known};
    EXPECT_EQ(by_sample(experts.sets(plane_of(channel), first, row_by_row)),
              std::vector<Bytes>(kGrid.cells()))
        << "nothing is known at first";
    experts.learn(plane_of(channel), first, known[static_cast<std::size_t>(channel)]);
    const Surroundings second{kGrid, nullptr, nullptr, &later};
    const auto sets = by_sample(experts.sets(plane_of(channel), second, row_by_row));
    for (std::size_t i = 0; i < kGrid.cells(); ++i) {
      std::set<std::uint8_t> expected;
      for (std::size_t j = 0; j < kGrid.cells(); ++j) {
        bool same = true;
        for (std::size_t c = 0; c < static_cast<std::size_t>(channel); ++c) {
          same = same && known[c][j] == later[c][i];
        }
        if (same) expected.insert(known[static_cast<std::size_t>(channel)][j]);
      }
      EXPECT_EQ(sets[i], Bytes(expected.begin(), expected.end()));
    }
  }
}

TEST(ImageExperts, NameTheNeighbours) {
  const auto coarse = planes(1, 3), diagonal = planes(2, 3);
  for (const std::size_t phase : {0, 1, 2}) {
    const Surroundings around{kGrid, &coarse, &diagonal, &coarse};
    const auto sets = by_sample(ImageExperts(3).sets(plane_of(0, phase), around, row_by_row));
    for (std::int64_t y = 0; y < kHeight; ++y) {
      for (std::int64_t x = 0; x < kWidth; ++x) {
        const auto four =
            neighbour_levels(coarse[0].data(), diagonal[0].data(), kGrid, phase, y, x);
        const std::set<std::uint8_t> distinct(four.begin(), four.end());
        EXPECT_EQ(sets[static_cast<std::size_t>(y * kWidth + x)],
                  Bytes(distinct.begin(), distinct.end()));
      }
    }
  }
}

TEST(ImageExperts, ContextsStayWithinTheOdds) {
  ImageExperts experts(3);
  const auto coarse = planes(1, 12), diagonal = planes(2, 12);
  const Surroundings around{kGrid, &coarse, &diagonal, &coarse};
  for (int round = 0; round < 40; ++round) {
    for (const std::int64_t channel : {0, 1, 2}) {
      const auto sets = experts.sets(plane_of(channel), around, row_by_row);
      for (const auto context : sets.contexts) EXPECT_LT(context, SetOdds::kContexts);
      for (const auto size : sets.sizes) EXPECT_LE(size, LevelSets::kMostLevels);
      experts.learn(plane_of(channel), around, diagonal[static_cast<std::size_t>(channel)]);
    }
  }
}

// Only three channels have colours to be seen; others have neighbours alone.
TEST(ImageExperts, TakeAnyNumberOfChannels) {
  const std::vector<Bytes> four(4, planes(1, 3)[0]);
  ImageExperts experts(4);
  const Surroundings around{kGrid, &four, &four, &four};
  EXPECT_EQ(experts.sets(plane_of(3), around, row_by_row).sizes.size(), kGrid.cells());
  experts.learn(plane_of(3), around, four[3]);
}

}  // namespace
}  // namespace pie

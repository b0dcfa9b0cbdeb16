// Sets of levels share the slots of a sample without a gap, learn their odds, and samples coded
// with them come back.
#include "lib/coding/level_sets.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/random.h"
#include "lib/coding/layer_coder.h"

namespace pie {
namespace {

constexpr std::uint32_t kWhole = 1U << SetOdds::kMassBits;
constexpr int kComponents = 3;

std::int32_t between(const CounterRandom& random, std::uint64_t k, std::int32_t low,
                     std::int32_t high) {
  return low +
         static_cast<std::int32_t>(random.bits(k) % static_cast<std::uint32_t>(high - low + 1));
}

// Mixtures of `samples` samples.
std::vector<MixtureIndex> random_rows(std::size_t samples, std::uint64_t seed) {
  const CounterRandom random(seed, 1);
  std::vector<MixtureIndex> rows;
  for (std::size_t i = 0; i < samples; ++i) {
    for (int c = 0; c < 3 * kComponents; ++c) {
      const auto range = c < kComponents       ? kWeightIndices
                         : c < 2 * kComponents ? kMeanIndices
                                               : kScaleIndices;
      rows.push_back(range.nearest(between(random, rows.size(), range.low, range.high)));
    }
  }
  return rows;
}

// Sets of 0 to 24 levels, in any of the contexts; every second one has the sample's `own` level.
LevelSets random_sets(std::size_t samples, std::uint64_t seed, const Bytes& own = {}) {
  const CounterRandom random(seed, 2);
  LevelSets sets;
  std::uint64_t k = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    std::vector<std::uint8_t> levels;
    const auto size = between(random, k++, 0, LevelSets::kMostLevels);
    for (std::int32_t j = 0; j < size; ++j) {
      levels.push_back(static_cast<std::uint8_t>(between(random, k++, 0, 255)));
    }
    if (!own.empty() && !levels.empty() && random.bits(k++) % 2 == 0) {
      levels.back() = own[i];
    }
    std::sort(levels.begin(), levels.end());
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
    const auto context = between(random, k++, 0, SetOdds::kContexts - 1);
    if (levels.empty()) {
      sets.add_none();
    } else {
      sets.add(static_cast<std::uint8_t>(context), levels.data(), levels.size());
    }
  }
  return sets;
}

// The intervals of all levels in one mixture.
std::vector<SetIntervals::Slots> all_levels(const LogisticMixture& model,
                                            const std::vector<MixtureIndex>& row) {
  std::vector<SetIntervals::Slots> slots;
  for (int level = 0; level < LogisticMixture::kLevels; ++level) {
    const auto value = static_cast<std::uint8_t>(level);
    LogisticMixture::Interval own;
    model.intervals(&value, row.data(), kComponents, 1, &own);
    slots.push_back({own.start, own.freq});
  }
  return slots;
}

TEST(LevelSets, IntervalsShareAllSlots) {
  const LogisticMixture model(MixtureTables::standard());
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto all = all_levels(model, random_rows(1, seed));
    const auto sets = random_sets(1, seed);
    if (sets.sizes[0] == 0) continue;
    std::vector<SetIntervals::Slots> members;
    for (const auto level : sets.levels) members.push_back(all[level]);
    for (const std::uint64_t factor : {1ULL, 100ULL, 1024ULL, 50000ULL, 1ULL << 20}) {
      const SetIntervals set(members.data(), members.size(), factor);
      std::uint32_t next = 0;
      for (std::size_t i = 0; i <= members.size(); ++i) {
        const auto own = set.interval(i);
        EXPECT_EQ(own.start, next);
        EXPECT_GE(own.freq, 1U);
        EXPECT_EQ(set.find(own.start), i);
        EXPECT_EQ(set.find(own.start + own.freq - 1), i);
        next += own.freq;
      }
      EXPECT_EQ(next, kWhole);
      next = 0;
      for (std::size_t level = 0; level < all.size(); ++level) {
        if (std::binary_search(sets.levels.begin(), sets.levels.end(), level)) continue;
        const auto own = set.outside(all[level]);
        EXPECT_EQ(own.start, next);
        EXPECT_GE(own.freq, all[level].freq);
        for (const auto slot : {own.start, own.start + own.freq / 2, own.start + own.freq - 1}) {
          const auto place = set.slot_in_mixture(slot);
          EXPECT_GE(place, all[level].start);
          EXPECT_LT(place, all[level].start + all[level].freq);
        }
        next += own.freq;
      }
      EXPECT_EQ(next, kWhole);
    }
  }
}

TEST(LevelSets, FactorOneKeepsTheMixture) {
  const SetIntervals::Slots member{1000, kWhole / 4};
  const SetIntervals set(&member, 1, std::uint64_t{1} << SetOdds::kFactorBits);
  EXPECT_NEAR(set.interval(0).freq, kWhole / 4, 2);
}

TEST(SetOdds, FollowWhatHappens) {
  constexpr std::uint64_t kOne = std::uint64_t{1} << SetOdds::kFactorBits;
  const auto learned = [](int hits_of_100, std::uint32_t mass) {
    SetOdds odds;
    for (int i = 0; i < 10000; ++i) odds.add(5, mass, i % 100 < hits_of_100);
    odds.settle();
    return odds;
  };
  const auto as_expected = learned(50, kWhole / 2);
  EXPECT_NEAR(static_cast<double>(as_expected.factor(5)), kOne, 0.01 * kOne);
  EXPECT_FALSE(as_expected.pays(5));
  // Odds of 99 to 1 instead of 1 to 1, and of 1 to 99.
  EXPECT_NEAR(static_cast<double>(learned(99, kWhole / 2).factor(5)), 99 * kOne, 2.0 * kOne);
  EXPECT_NEAR(static_cast<double>(learned(1, kWhole / 2).factor(5)), kOne / 99.0, 1);
  EXPECT_TRUE(learned(99, kWhole / 2).pays(5));
  EXPECT_TRUE(learned(1, kWhole / 2).pays(5));
  EXPECT_EQ(learned(99, kWhole / 2).factor(6), kOne) << "contexts learn by themselves";
  SetOdds early;
  early.add(5, kWhole / 2, true);
  EXPECT_EQ(early.factor(5), kOne) << "what a plane teaches counts from the next one on";
}

TEST(SetOdds, NeverOverflow) {
  SetOdds odds;
  for (int plane = 0; plane < 20; ++plane) {
    for (int i = 0; i < 1 << 19; ++i) odds.add(1, kWhole - 1, true);
    odds.settle();
    EXPECT_GE(odds.factor(1), 1U);
    EXPECT_LE(odds.factor(1), 1U << 20);
  }
}

// Parts of the work, in another order.
void by_hundreds(std::int64_t count, const std::function<void(std::int64_t, std::int64_t)>& work) {
  constexpr std::int64_t kEach = 100;
  for (std::int64_t end = count; end > 0; end -= kEach)
    work(std::max<std::int64_t>(0, end - kEach), end);
}

TEST(LevelSets, SamplesComeBack) {
  const LogisticMixture model(MixtureTables::standard());
  for (const std::size_t each : {1, 13, 4000, 30000}) {  // the last with lanes
    constexpr int kPlanes = 3;
    const std::size_t total = kPlanes * each;
    std::vector<std::vector<MixtureIndex>> rows;
    std::vector<LevelSets> sets;
    std::vector<Bytes> levels;
    SampleEncoder encoder(model);
    SetOdds odds;
    for (int plane = 0; plane < kPlanes; ++plane) {
      const auto seed = each + static_cast<std::size_t>(plane);
      rows.push_back(random_rows(each, seed));
      // Levels as the mixtures have them.
      const CounterRandom random(seed, 3);
      std::vector<std::uint32_t> slots;
      for (std::uint64_t i = 0; i < each; ++i) slots.push_back(random.bits(i) % kWhole);
      std::vector<LogisticMixture::Interval> drawn(each);
      model.find(slots.data(), rows.back().data(), kComponents, each, drawn.data());
      Bytes values;
      for (const auto& one : drawn) values.push_back(static_cast<std::uint8_t>(one.level));
      levels.push_back(values);
      sets.push_back(random_sets(each, seed, values));
      encoder.put(values.data(), {rows.back().data(), kComponents, each}, sets.back(), odds,
                  by_hundreds);
    }
    const auto block = encoder.finish();
    SampleDecoder decoder(model, block.mode, {block.bytes.data(), block.bytes.size()}, total);
    SetOdds learned;
    for (std::size_t plane = 0; plane < kPlanes; ++plane) {
      Bytes values(each);
      const MixtureRows own{rows[plane].data(), kComponents, each};
      if (decoder.modelled()) {
        decoder.get(own, sets[plane], learned, by_hundreds, values.data());
      } else {  // so few that others were smaller
        EXPECT_THROW(decoder.get(own, sets[plane], learned, by_hundreds, values.data()),
                     UsageError);
        EXPECT_THROW(decoder.get_number(1), UsageError);
        decoder.get(own, values.data());
      }
      EXPECT_EQ(values, levels[plane]) << each;
    }
    EXPECT_TRUE(decoder.modelled() || each < 100) << each;
    EXPECT_EQ(symbol_hash(decoder.finish().data(), total), block.symbol_hash);
  }
}

}  // namespace
}  // namespace pie

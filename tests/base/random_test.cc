// The generator is Philox, and a value depends on its seed, stream and index alone.
#include "lib/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace pie {
namespace {

using Words = std::array<std::uint32_t, 4>;

TEST(Random, PhiloxKnownAnswers) {
  // From kat_vectors of Random123, "philox4x32 10".
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}));
  constexpr std::uint32_t kOnes = 0xFFFFFFFF;
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Words{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}));
  EXPECT_EQ(philox4x32({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0}),
            (Words{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}));
}

TEST(Random, ValuesDoNotDependOnTheBatch) {
  const CounterRandom random(42, 7);
  std::vector<float> whole(100);
  random.fill_uniform(whole.data(), whole.size(), 3);
  std::vector<float> normals(100);
  random.fill_normal(normals.data(), normals.size(), 3);
  for (std::size_t first = 0; first < whole.size(); first += 7) {
    const std::size_t count = std::min<std::size_t>(7, whole.size() - first);
    std::vector<float> part(count);
    random.fill_uniform(part.data(), count, 3 + first);
    std::vector<float> normal_part(count);
    random.fill_normal(normal_part.data(), count, 3 + first);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(part[i], whole[first + i]);
      EXPECT_EQ(part[i], random.uniform(3 + first + i));
      EXPECT_EQ(normal_part[i], normals[first + i]);
      EXPECT_EQ(normal_part[i], static_cast<float>(random.normal(3 + first + i)));
    }
  }
}

TEST(Random, SeedsAndStreamsDiffer) {
  EXPECT_NE(CounterRandom(1, 0).bits(0), CounterRandom(2, 0).bits(0));
  EXPECT_NE(CounterRandom(1, 0).bits(0), CounterRandom(1, 1).bits(0));
  EXPECT_NE(CounterRandom(1, 0).bits(0), CounterRandom(1ULL << 32, 0).bits(0));
  EXPECT_NE(CounterRandom(0, 1).bits(0), CounterRandom(0, 1ULL << 32).bits(0));
}

TEST(Random, MomentsAreWithinFiveStandardErrors) {
  constexpr std::size_t kCount = 200000;
  const CounterRandom random(5, 0);
  std::vector<float> u(kCount);
  std::vector<float> n(kCount);
  random.fill_uniform(u.data(), kCount);
  random.fill_normal(n.data(), kCount);
  double mean_u = 0;
  double mean_n = 0;
  double square_n = 0;
  double product = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_GE(u[i], 0.0F);
    ASSERT_LT(u[i], 1.0F);
    mean_u += static_cast<double>(u[i]) / kCount;
    mean_n += static_cast<double>(n[i]) / kCount;
    square_n += static_cast<double>(n[i]) * static_cast<double>(n[i]) / kCount;
    product += static_cast<double>(n[i]) * (static_cast<double>(u[i]) - 0.5) / kCount;
  }
  const double error = 1.0 / std::sqrt(static_cast<double>(kCount));
  EXPECT_NEAR(mean_u, 0.5, 5 * error * std::sqrt(1.0 / 12));
  EXPECT_NEAR(mean_n, 0.0, 5 * error);
  EXPECT_NEAR(square_n, 1.0, 5 * error * std::sqrt(2.0));
  EXPECT_NEAR(product, 0.0, 5 * error * std::sqrt(1.0 / 12));
}

TEST(Random, PermutationHoldsEveryIndexOnce) {
  const CounterRandom random(9, 1);
  for (const std::uint32_t count : {0U, 1U, 2U, 1000U}) {
    auto order = random.permutation(count);
    EXPECT_EQ(order, random.permutation(count));
    std::sort(order.begin(), order.end());
    for (std::uint32_t i = 0; i < count; ++i) ASSERT_EQ(order[i], i);
  }
  EXPECT_NE(random.permutation(1000), CounterRandom(9, 2).permutation(1000));
}

TEST(Random, PermutationsOfThreeAreEquallyLikely) {
  int counts[27] = {};
  constexpr int kDraws = 6000;
  for (int i = 0; i < kDraws; ++i) {
    const auto p = CounterRandom(1, static_cast<std::uint64_t>(i)).permutation(3);
    ++counts[9 * p[0] + 3 * p[1] + p[2]];
  }
  int seen = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    ++seen;
    // Five standard deviations of a binomial with probability 1/6.
    EXPECT_NEAR(count, kDraws / 6, 5 * std::sqrt(kDraws * 5.0 / 36));
  }
  EXPECT_EQ(seen, 6);
}

}  // namespace
}  // namespace pie

// Several coders that take turns: what one does, and damage to any of their parts is noticed.
#include "lib/coding/rans_lanes.h"

#include <gtest/gtest.h>

#include <vector>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/base/random.h"

namespace pie {
namespace {

constexpr int kBits = 12;
constexpr std::uint32_t kFreq = 256;                 // of 16 equal symbols
constexpr std::uint32_t kMost = kLeastForLanes - 1;  // of one lane

std::uint32_t symbol(std::uint32_t i) { return CounterRandom(5, 0).bits(i) % 16; }

Bytes encode(std::uint32_t count) {
  FineRansEncoder encoder;
  for (std::uint32_t i = 0; i < count; ++i) encoder.put(kFreq * symbol(i), kFreq, kBits);
  Bytes bytes = finish_lanes(encoder, count);
  EXPECT_EQ(encoder.size(), 0U);
  return bytes;
}

// Whether all symbols come back; throws what the decoder throws.
bool decodes(const Bytes& bytes, std::uint32_t count) {
  RansLanesDecoder decoder({bytes.data(), bytes.size()}, count);
  bool right = true;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t found = decoder.slot(0, kBits) / kFreq;
    right = right && found == symbol(i);
    decoder.advance(kFreq * found, kFreq, kBits);
  }
  decoder.finish();
  return right;
}

TEST(RansLanes, RoundTripForEveryRest) {
  for (const std::uint32_t count :
       {0U, 1U, 7U, kMost, kMost + 1, kMost + 2, kMost + 5, kMost + 9, 140000U}) {
    EXPECT_TRUE(decodes(encode(count), count)) << count;
  }
}

// The layout itself: encoder and decoder could change together.
TEST(RansLanes, BytesStayTheSame) {
  const Bytes bytes = encode(kMost + 1);
  Xxh3 hash;
  hash.update(bytes.data(), bytes.size());
  EXPECT_EQ(hash.digest(), 0x29161C4E4AD516B5U);
}

TEST(RansLanes, ASymbolAheadIsTheOneThatComes) {
  constexpr std::uint32_t kCount = kMost + 3;
  const Bytes bytes = encode(kCount);
  RansLanesDecoder decoder({bytes.data(), bytes.size()}, kCount);
  ASSERT_EQ(decoder.lanes(), kRansLanes);
  for (std::uint32_t i = 0; i + kRansLanes <= kCount; ++i) {
    for (std::uint32_t ahead = 0; ahead < kRansLanes; ++ahead) {
      ASSERT_EQ(decoder.slot(ahead, kBits) / kFreq, symbol(i + ahead));
    }
    decoder.advance(kFreq * symbol(i), kFreq, kBits);
  }
}

TEST(RansLanes, CostAFewBytes) {
  EXPECT_LE(encode(kMost).size(), kMost / 2 + 4);
  // Each up to four bytes, two for the first length, one for each of the other differences.
  EXPECT_LE(encode(kMost + 1).size(), (kMost + 1) / 2 + 4 * kRansLanes + 2 + (kRansLanes - 2));
}

// Lanes of very different lengths, the first of them the shortest or the longest.
TEST(RansLanes, MayDifferInLength) {
  for (const bool first_is_long : {false, true}) {
    FineRansEncoder encoder;
    const auto value = [&](std::uint32_t i) { return i % kRansLanes == 0 ? 1U : 2U; };
    const auto freq = [&](std::uint32_t i) {
      return (i % kRansLanes == 0) == first_is_long ? 1U : 2000U;
    };
    for (std::uint32_t i = 0; i <= kMost; ++i) encoder.put(value(i), freq(i), kBits);
    const Bytes bytes = finish_lanes(encoder, kMost + 1);
    RansLanesDecoder decoder({bytes.data(), bytes.size()}, kMost + 1);
    for (std::uint32_t i = 0; i <= kMost; ++i) {
      ASSERT_GE(decoder.slot(0, kBits), value(i));
      ASSERT_LT(decoder.slot(0, kBits), value(i) + freq(i));
      decoder.advance(value(i), freq(i), kBits);
    }
    decoder.finish();
  }
}

TEST(RansLanes, CutsAndFlippedLengthsAreNoticed) {
  constexpr std::uint32_t kCount = kMost + 1;
  const Bytes bytes = encode(kCount);
  const auto refused = [&](const Bytes& spoiled) {
    try {
      return !decodes(spoiled, kCount);
    } catch (const DamagedError&) {
      return true;
    }
  };
  for (std::size_t size = 0; size < bytes.size(); size += size < 100 ? 1 : 997) {
    EXPECT_TRUE(refused(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))));
  }
  for (std::size_t at = 0; at < kRansLanes; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes spoiled = bytes;
      spoiled[at] = static_cast<std::uint8_t>(spoiled[at] ^ (1U << bit));
      EXPECT_TRUE(refused(spoiled)) << "bit " << bit << " of byte " << at;
    }
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_TRUE(refused(longer));
}

}  // namespace
}  // namespace pie

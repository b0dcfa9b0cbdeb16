// The entropy coder gives back its symbols, costs what they are worth, and notices garbage.
#include "lib/coding/rans.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/base/error.h"
#include "lib/base/random.h"

namespace pie {
namespace {

struct Interval {
  std::uint32_t start;
  std::uint32_t freq;
};

ByteSpan span(const Bytes& bytes) { return {bytes.data(), bytes.size()}; }

// A random partition of 2^16 slots into `count` symbols, some of them of a single slot.
std::vector<Interval> random_table(const CounterRandom& random, std::uint32_t count) {
  std::vector<std::uint32_t> freqs(count, 1);
  std::uint32_t left = (1U << kRansBits) - count;
  for (std::uint32_t i = 0; i + 1 < count; ++i) {
    const std::uint32_t share = random.bits(i) % (left / 2 + 1);
    freqs[i] += share;
    left -= share;
  }
  freqs.back() += left;
  std::vector<Interval> table;
  std::uint32_t start = 0;
  for (const std::uint32_t freq : freqs) {
    table.push_back({start, freq});
    start += freq;
  }
  return table;
}

TEST(Rans, RoundTripsWithATableForEachSymbol) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const CounterRandom random(seed, 0);
    const std::vector<std::vector<Interval>> tables = {random_table(CounterRandom(seed, 1), 2),
                                                       random_table(CounterRandom(seed, 2), 300),
                                                       random_table(CounterRandom(seed, 3), 5000),
                                                       {{0, 1U << kRansBits}}};
    const std::uint32_t count = seed < 100 ? random.bits(0) % 20 : random.bits(0) % 3000;
    std::vector<Interval> symbols;
    double ideal = 0;
    RansEncoder encoder;
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto& table = tables[random.bits(4 * i + 1) % tables.size()];
      // A slot is drawn, so symbols come as often as their frequency says; sometimes any symbol.
      const std::uint32_t slot = random.bits(4 * i + 2) >> 16;
      std::size_t pick = random.bits(4 * i + 3) % table.size();
      if (i % 8 != 0) {
        for (pick = 0; slot >= table[pick].start + table[pick].freq; ++pick) {
        }
      }
      symbols.push_back(table[pick]);
      encoder.put(table[pick].start, table[pick].freq);
      ideal += kRansBits - std::log2(table[pick].freq);
    }
    const Bytes bytes = encoder.finish();
    RansDecoder decoder(span(bytes));
    for (const Interval& symbol : symbols) {
      ASSERT_GE(decoder.slot(), symbol.start);
      ASSERT_LT(decoder.slot(), symbol.start + symbol.freq);
      decoder.advance(symbol.start, symbol.freq);
    }
    EXPECT_NO_THROW(decoder.finish());
    // The first state is worth up to two bytes; its precision costs less than 1 part in 500.
    EXPECT_LE(8.0 * static_cast<double>(bytes.size()), ideal * 1.002 + 16 + 8);
  }
}

TEST(Rans, ShortStreamsPayAtMostTwoBytes) {
  double total = 0;
  for (std::uint32_t trial = 0; trial < 1000; ++trial) {
    const CounterRandom random(trial, 4);
    RansEncoder encoder;
    for (std::uint32_t i = 0; i < 10; ++i) encoder.put(4096 * (random.bits(i) % 16), 4096);
    const std::size_t size = encoder.finish().size();
    EXPECT_LE(size, 7U);
    total += static_cast<double>(size);
  }
  EXPECT_LE(total / 1000, 7.0);
  EXPECT_TRUE(RansEncoder().finish().empty());
}

TEST(Rans, LikelySymbolsInTheFirstSlotsAreFree) {
  RansEncoder encoder;
  for (int i = 0; i < 100; ++i) encoder.put(0, 60000);
  EXPECT_TRUE(encoder.finish().empty());
}

TEST(Rans, RawBitsRoundTripAtTheirPrice) {
  const CounterRandom random(1, 0);
  RansEncoder encoder;
  std::uint64_t bits = 0;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const int count = static_cast<int>(i % 33);
    encoder.put_bits(random.bits(i), count);
    bits += static_cast<std::uint64_t>(count);
  }
  const Bytes bytes = encoder.finish();
  EXPECT_LE(bytes.size(), bits / 8 + 1);
  RansDecoder decoder(span(bytes));
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const int count = static_cast<int>(i % 33);
    const auto mask = static_cast<std::uint32_t>((std::uint64_t{1} << count) - 1);
    ASSERT_EQ(decoder.get_bits(count), random.bits(i) & mask);
  }
  decoder.finish();
}

TEST(Rans, EncodingTwiceGivesTheSameBytesAndEmptiesTheEncoder) {
  RansEncoder encoder;
  const auto encode = [&encoder] {
    for (std::uint32_t i = 0; i < 50; ++i) encoder.put(1000 * i, 1000);
    return encoder.finish();
  };
  const Bytes first = encode();
  EXPECT_EQ(first, encode());
  EXPECT_TRUE(encoder.finish().empty());
}

TEST(Rans, EveryFlipOfTheLastByteAndEveryCutAreNoticed) {
  RansEncoder encoder;
  const CounterRandom random(3, 0);
  for (std::uint32_t i = 0; i < 40; ++i) encoder.put(random.bits(i) % 64 * 1024, 1024);
  const Bytes bytes = encoder.finish();
  const auto decode = [](const Bytes& coded) {
    RansDecoder decoder(span(coded));
    for (int i = 0; i < 40; ++i) decoder.advance(decoder.slot() & ~1023U, 1024);
    decoder.finish();
  };
  EXPECT_NO_THROW(decode(bytes));
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_THROW(decode(longer), DamagedError);
  Bytes padded = bytes;
  padded.insert(padded.begin(), 0);
  EXPECT_THROW(decode(padded), DamagedError);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    // A cut stream may decode to other symbols; that is what the CRC is for. It stays in bounds.
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    try {
      decode(cut);
    } catch (const DamagedError&) {
    }
  }
}

// Frequencies out of 2^24, down to a single slot, with the state of 64 bits.
TEST(FineRans, RoundTripsRareSymbolsAtTheirPrice) {
  constexpr int kBits = RansTraits<std::uint64_t>::kMostBits;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const CounterRandom random(seed, 0);
    const std::uint32_t count = seed < 25 ? random.bits(0) % 10 : 2000;
    std::vector<Interval> symbols;
    double ideal = 0;
    FineRansEncoder encoder;
    for (std::uint32_t i = 0; i < count; ++i) {
      // All magnitudes of frequencies equally often.
      const std::uint32_t freq = 1 + (random.bits(3 * i + 1) >> (8 + random.bits(3 * i + 2) % 24));
      const std::uint32_t start = random.bits(3 * i + 3) % ((1U << kBits) - freq + 1);
      symbols.push_back({start, freq});
      encoder.put(start, freq, kBits);
      ideal += kBits - std::log2(freq);
    }
    const Bytes bytes = encoder.finish();
    FineRansDecoder decoder(span(bytes));
    for (const Interval& symbol : symbols) {
      ASSERT_GE(decoder.slot(kBits), symbol.start);
      ASSERT_LT(decoder.slot(kBits), symbol.start + symbol.freq);
      decoder.advance(symbol.start, symbol.freq, kBits);
    }
    EXPECT_NO_THROW(decoder.finish());
    // The first state is worth up to three bytes; its precision costs less than 1 part in 10,000.
    EXPECT_LE(8.0 * static_cast<double>(bytes.size()), ideal * 1.0001 + 24 + 8);
  }
}

TEST(FineRans, LikelySymbolsInTheFirstSlotsAreFree) {
  FineRansEncoder encoder;
  for (int i = 0; i < 1000; ++i) encoder.put(0, (1U << 24) - 300, 24);
  EXPECT_TRUE(encoder.finish().empty());
}

}  // namespace
}  // namespace pie

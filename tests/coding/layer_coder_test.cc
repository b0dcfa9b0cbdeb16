// Blocks round trip in every mode, the smallest is chosen, and garbage stays within bounds; samples
// are coded by mixtures, some at a time.
#include "lib/coding/layer_coder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/random.h"

namespace pie {
namespace {

constexpr std::int32_t kMin = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();

using Symbols = std::vector<std::int32_t>;

Symbols normal_symbols(std::size_t count, std::uint32_t step, std::uint64_t seed) {
  const CounterRandom random(seed, 0);
  Symbols symbols;
  for (std::size_t i = 0; i < count; ++i) {
    symbols.push_back(static_cast<std::int32_t>(std::lround(random.normal(i) * 1024 / step)));
  }
  return symbols;
}

Symbols decode(const CodedBlock& block, std::size_t count, const NormalSymbols& table) {
  return decode_symbols(block.mode, {block.bytes.data(), block.bytes.size()}, count, table);
}

void expect_round_trip(const Symbols& symbols, const NormalSymbols& table, BlockMode mode) {
  const CodedBlock block = encode_symbols(symbols.data(), symbols.size(), table);
  EXPECT_EQ(block.mode, mode);
  EXPECT_EQ(decode(block, symbols.size(), table), symbols);
  EXPECT_EQ(block.symbol_hash, symbol_hash(symbols.data(), symbols.size()));
  const CodedBlock again = encode_symbols(symbols.data(), symbols.size(), table);
  EXPECT_EQ(again.bytes, block.bytes);
}

TEST(LayerCoder, NormalSymbolsCostTheirIdealBits) {
  for (const std::uint32_t step : {16U, 64U, 205U, 512U, 1024U}) {
    const NormalSymbols table(step);
    const Symbols symbols = normal_symbols(20000, step, step);
    expect_round_trip(symbols, table, BlockMode::kRans);
    double ideal = 0;
    for (const std::int32_t k : symbols) ideal += table.ideal_bits(k);
    const double bits =
        8.0 *
        static_cast<double>(encode_symbols(symbols.data(), symbols.size(), table).bytes.size());
    EXPECT_LT(bits, ideal * 1.002 + 24) << "step " << step;
    EXPECT_GT(bits, ideal * 0.998) << "step " << step;
  }
}

TEST(LayerCoder, OtherDataTakesAnotherMode) {
  const NormalSymbols fine(1);
  Symbols periodic;
  for (int i = 0; i < 10000; ++i) periodic.push_back(i % 3 == 0 ? 3000 : -70000);
  expect_round_trip(periodic, fine, BlockMode::kZstd);
  Symbols extreme;
  const CounterRandom random(1, 0);
  for (std::uint64_t i = 0; i < 100; ++i) {
    extreme.push_back(static_cast<std::int32_t>(random.bits(i)));
  }
  extreme.push_back(kMin);
  extreme.push_back(kMax);
  expect_round_trip(extreme, fine, BlockMode::kRaw);
}

TEST(LayerCoder, AllZeroCostsNothing) {
  const Symbols zeros(5000, 0);
  EXPECT_TRUE(encode_symbols(zeros.data(), zeros.size(), NormalSymbols(64)).bytes.empty());
  expect_round_trip(zeros, NormalSymbols(64), BlockMode::kRans);
  expect_round_trip({}, NormalSymbols(64), BlockMode::kRans);
}

TEST(LayerCoder, RawWidthFollowsFromTheLength) {
  for (std::size_t count = 1; count <= 20; ++count) {
    for (int bit = 0; bit <= 31; ++bit) {
      Symbols symbols(count, 0);
      symbols[count / 2] = bit == 31 ? kMin : std::int32_t{1} << bit;
      // Nothing entropy-coded that could win.
      const CodedBlock block = smallest_block(symbols.data(), count, Bytes(1000));
      if (block.mode == BlockMode::kZstd) continue;
      ASSERT_EQ(block.mode, BlockMode::kRaw);
      EXPECT_EQ(decode(block, count, NormalSymbols(1)), symbols);
    }
  }
}

TEST(LayerCoder, NeverMuchLargerThanRaw) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const CounterRandom random(seed, 3);
    Symbols symbols;
    for (std::uint64_t i = 0; i < 1 + seed * 7; ++i) {
      symbols.push_back(static_cast<std::int32_t>(random.bits(i)) >> (seed % 32));
    }
    const NormalSymbols table(1 + static_cast<std::uint32_t>(seed) * 100);
    const CodedBlock block = encode_symbols(symbols.data(), symbols.size(), table);
    EXPECT_LE(block.bytes.size(), 4 * symbols.size());
    EXPECT_EQ(decode(block, symbols.size(), table), symbols);
  }
}

TEST(LayerCoder, HashDependsOnEverySymbolAndTheirOrder) {
  EXPECT_EQ(symbol_hash(nullptr, 0), 0x2D06800538D394C2U);
  Symbols symbols = normal_symbols(3000, 64, 1);
  const std::uint64_t before = symbol_hash(symbols.data(), symbols.size());
  symbols[1700] ^= 1;
  EXPECT_NE(symbol_hash(symbols.data(), symbols.size()), before);
  symbols[1700] ^= 1;
  std::swap(symbols.front(), symbols[1]);
  EXPECT_NE(symbol_hash(symbols.data(), symbols.size()), before);
}

TEST(LayerCoder, GarbageIsDamageOrSymbolsButNothingElse) {
  const NormalSymbols table(64);
  const CounterRandom random(7, 7);
  std::uint64_t next = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    Bytes bytes(random.bits(next++) % 40);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.bits(next++));
    const std::size_t count = random.bits(next++) % 50;
    for (const BlockMode mode : {BlockMode::kRans, BlockMode::kZstd, BlockMode::kRaw}) {
      try {
        EXPECT_EQ(decode_symbols(mode, {bytes.data(), bytes.size()}, count, table).size(), count);
      } catch (const DamagedError&) {
      }
    }
  }
}

TEST(LayerCoder, DamagedZstdIsDamageOrSymbols) {
  const Symbols symbols(1000, 12345678);
  const NormalSymbols table(1024);
  const CodedBlock block = encode_symbols(symbols.data(), symbols.size(), table);
  ASSERT_EQ(block.mode, BlockMode::kZstd);
  for (std::size_t i = 0; i < block.bytes.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      CodedBlock other = block;
      other.bytes[i] = static_cast<std::uint8_t>(value);
      try {
        EXPECT_EQ(decode(other, symbols.size(), table).size(), symbols.size());
      } catch (const DamagedError&) {
      }
    }
  }
  EXPECT_THROW(decode(block, symbols.size() - 1, table), DamagedError);
  EXPECT_THROW(decode(block, symbols.size() + 1, table), DamagedError);
  EXPECT_THROW(decode_plain_symbols(BlockMode::kRans, {}, 1), UsageError);
  EXPECT_THROW(decode_plain_symbols(BlockMode::kRaw, {block.bytes.data(), 1}, 0), DamagedError);
}

TEST(LayerCoder, EveryIntegerRoundTrips) {
  for (const std::uint32_t step : {1U, 16U, 64U, 333U, 1024U, 4096U, kMaxStep}) {
    const NormalSymbols table(step);
    std::vector<std::int32_t> symbols = {kMin, kMax, kMin + 1, kMax - 1};
    for (std::int32_t beyond = 0; beyond <= 70; ++beyond) {
      symbols.push_back(table.largest() + beyond);
      symbols.push_back(-table.largest() - beyond);
    }
    for (int bit = 0; bit < 31; ++bit) {
      symbols.push_back(std::int32_t{1} << bit);
      symbols.push_back(-(std::int32_t{1} << bit));
    }
    // Enough ordinary ones that entropy coding wins in spite of the escapes.
    const Symbols ordinary = normal_symbols(20000, step, step);
    symbols.insert(symbols.end(), ordinary.begin(), ordinary.end());
    const CodedBlock block = encode_symbols(symbols.data(), symbols.size(), table);
    EXPECT_EQ(decode(block, symbols.size(), table), symbols);
    // The coarsest steps have next to nothing but zeros and escapes.
    if (step <= 1024) {
      EXPECT_EQ(block.mode, BlockMode::kRans) << step;
    }
  }
}

TEST(LayerCoder, EscapesBeyond32BitsAreDamage) {
  const NormalSymbols table(512);
  for (const bool negative : {false, true}) {
    RansEncoder encoder;
    encoder.put(table.escape().start, table.escape().freq);
    encoder.put_bits(negative ? 1 : 0, 1);
    encoder.put_bits(31, 5);
    encoder.put_bits(0x7FFFFFFF, 31);
    const Bytes bytes = encoder.finish();
    EXPECT_THROW(decode_symbols(BlockMode::kRans, {bytes.data(), bytes.size()}, 1, table),
                 DamagedError);
  }
}

// A mixture of `kComponents`, as indices.
constexpr int kComponents = 4;
std::vector<MixtureIndex> random_mixture(std::uint64_t seed) {
  const CounterRandom random(seed, 7);
  std::vector<MixtureIndex> indices;
  for (const auto& range : {kWeightIndices, kMeanIndices, kScaleIndices}) {
    for (int k = 0; k < kComponents; ++k) {
      const auto size = static_cast<std::uint32_t>(range.high - range.low + 1);
      indices.push_back(
          range.nearest(range.low + static_cast<std::int32_t>(random.bits(indices.size()) % size)));
    }
  }
  return indices;
}

// Samples that are mostly as their mixtures say, sometimes anything.
struct Samples {
  std::vector<MixtureIndex> rows;
  Bytes levels;

  explicit Samples(std::size_t count, const LogisticMixture& model) {
    for (std::uint64_t seed = 0; seed < count; ++seed) {
      const auto row = random_mixture(seed);
      rows.insert(rows.end(), row.begin(), row.end());
      const CounterRandom random(seed, 8);
      const std::uint32_t slot = random.bits(0) >> 8;
      LogisticMixture::Interval own{};
      model.find(&slot, row.data(), kComponents, 1, &own);
      levels.push_back(static_cast<std::uint8_t>(seed % 8 == 0 ? slot % 256 : own.level));
    }
  }
  MixtureRows some(std::size_t at, std::size_t count) const {
    return {rows.data() + 3 * kComponents * at, kComponents, count};
  }
};

TEST(SampleCoder, DecodesWhatWasEncodedInPiecesThatDoNotCareForLanes) {
  const LogisticMixture model(MixtureTables::standard());
  for (const std::size_t count : {std::size_t{3000}, kLeastForLanes + 1}) {
    const Samples samples(count, model);
    SampleEncoder encoder(model);
    for (std::size_t at = 0, piece = 7; at < count; at += piece, piece += 5) {
      piece = std::min(piece, count - at);
      encoder.put(samples.levels.data() + at, samples.some(at, piece));
    }
    const double ideal = encoder.ideal_bits();
    const CodedBlock block = encoder.finish();
    ASSERT_EQ(block.mode, BlockMode::kRans);
    // A lane has up to four bytes more than its symbols are worth, and two for its length.
    EXPECT_LE(8.0 * static_cast<double>(block.bytes.size()), ideal * 1.001 + 8 * 6 * kRansLanes);
    SampleDecoder decoder(model, block.mode, {block.bytes.data(), block.bytes.size()}, count);
    Bytes decoded(count);
    for (std::size_t at = 0, piece = 1; at < count; at += piece, ++piece) {
      piece = std::min(piece, count - at);
      decoder.get(samples.some(at, piece), decoded.data() + at);
    }
    EXPECT_EQ(decoded, samples.levels);
    const auto& symbols = decoder.finish();
    EXPECT_EQ(symbol_hash(symbols.data(), symbols.size()), block.symbol_hash);
  }
}

TEST(SampleCoder, ModesWithoutAModelGiveTheSameSamples) {
  const LogisticMixture model(MixtureTables::standard());
  const Samples samples(500, model);
  Symbols symbols;
  for (const auto level : samples.levels) {
    symbols.push_back(level - kMiddleSample);
  }
  CodedBlock block = plain_block(symbols.data(), symbols.size());
  SampleDecoder decoder(model, block.mode, {block.bytes.data(), block.bytes.size()}, 500);
  Bytes decoded(500);
  decoder.get(samples.some(0, 500), decoded.data());
  EXPECT_EQ(decoded, samples.levels);
  EXPECT_EQ(decoder.finish(), symbols);
  symbols[7] = 128;  // no sample of 8 bits
  block = plain_block(symbols.data(), symbols.size());
  EXPECT_THROW(SampleDecoder(model, block.mode, {block.bytes.data(), block.bytes.size()}, 500),
               DamagedError);
}

}  // namespace
}  // namespace pie

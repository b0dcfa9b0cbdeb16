// Blocks of symbols in every mode, from any bytes; and any symbols to bytes and back.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>

#include "lib/base/random.h"
#include "lib/coding/layer_coder.h"
#include "tests/fuzz/target.h"

namespace pie {
namespace {

constexpr std::size_t kMostSymbols = 3000;

ByteSpan span(const Bytes& bytes) { return {bytes.data(), bytes.size()}; }

// A real-valued layer's blocks.
void normal_block(BlockMode mode, FuzzedDataProvider& input) {
  const NormalSymbols table(input.ConsumeIntegralInRange<std::uint32_t>(1, kMaxStep));
  const auto count = input.ConsumeIntegralInRange<std::size_t>(0, kMostSymbols);
  const auto bytes = input.ConsumeRemainingBytes<std::uint8_t>();
  std::vector<std::int32_t> symbols;
  if (succeeds([&] { symbols = decode_symbols(mode, span(bytes), count, table); })) {
    require(symbols.size() == count);
  } else {
    for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
      symbols.push_back(static_cast<std::int32_t>(ByteReader(bytes.data() + i, 4).u32()));
    }
  }
  const CodedBlock again = encode_symbols(symbols.data(), symbols.size(), table);
  require(decode_symbols(again.mode, span(again.bytes), symbols.size(), table) == symbols);
}

// Mixtures and sets of levels for samples, any that a model might give.
struct SampleModel {
  SampleModel(std::size_t samples, int components, std::uint64_t seed) : samples(samples) {
    const CounterRandom random(seed, 0);
    auto below = [&, next = std::uint64_t{0}](std::uint64_t end) mutable {
      return random.bits(next++) % end;
    };
    const auto draw = [&](const GridRange& range) {
      const auto size = static_cast<std::uint64_t>(range.high - range.low + 1);
      return static_cast<MixtureIndex>(range.low + static_cast<std::int32_t>(below(size)));
    };
    for (std::size_t i = 0; i < samples; ++i) {
      for (const GridRange& range : {kWeightIndices, kMeanIndices, kScaleIndices}) {
        for (int k = 0; k < components; ++k) indices.push_back(draw(range));
      }
      std::uint8_t levels[LevelSets::kMostLevels];
      const std::size_t count = below(LevelSets::kMostLevels + 1);
      std::size_t level = 0, found = 0;
      while (found < count && (level += 1 + below(20)) < 256) {
        levels[found++] = static_cast<std::uint8_t>(level);
      }
      sets.add(static_cast<std::uint8_t>(below(SetOdds::kContexts)), levels, found);
    }
    rows = {indices.data(), components, samples};
  }

  std::size_t samples;
  std::vector<MixtureIndex> indices;
  LevelSets sets;
  MixtureRows rows;
};

const LogisticMixture& mixture() {
  static const LogisticMixture kMixture(MixtureTables::standard());
  return kMixture;
}

const Parts kOnePart = [](std::int64_t count, const auto& work) { work(0, count); };

// What an encoder makes of the levels, twice: without sets and with them.
void sample_round_trip(const SampleModel& model, const Bytes& levels) {
  SampleEncoder encoder(mixture());
  encoder.reserve(2 * levels.size());
  SetOdds odds;
  encoder.put(levels.data(), model.rows);
  encoder.put(levels.data(), model.rows, model.sets, odds, kOnePart);
  const CodedBlock block = encoder.finish();
  SampleDecoder decoder(mixture(), block.mode, span(block.bytes), 2 * levels.size());
  Bytes again(levels.size());
  decoder.get(model.rows, again.data());
  require(again == levels);
  if (decoder.modelled()) {
    SetOdds known;
    decoder.get(model.rows, model.sets, known, kOnePart, again.data());
  } else {
    decoder.get(model.rows, again.data());
  }
  require(again == levels);
  decoder.finish();
}

// An exact layer's blocks.
void sample_block(BlockMode mode, FuzzedDataProvider& input) {
  const auto count = input.ConsumeIntegralInRange<std::size_t>(0, 300);
  const auto components = input.ConsumeIntegralInRange<int>(1, kMaxComponents);
  const SampleModel model(count, components, input.ConsumeIntegral<std::uint64_t>());
  const auto bytes = input.ConsumeRemainingBytes<std::uint8_t>();
  failure([&] {
    SampleDecoder decoder(mixture(), mode, span(bytes), count);
    Bytes levels(count);
    SetOdds odds;
    if (decoder.modelled()) {
      decoder.get_number(12);
      decoder.get(model.rows, model.sets, odds, kOnePart, levels.data());
    } else {
      decoder.get(model.rows, levels.data());
    }
    decoder.finish();
  });
  Bytes levels = bytes;
  levels.resize(count);
  sample_round_trip(model, levels);
}

void packed_bytes(FuzzedDataProvider& input) {
  const auto count = input.ConsumeIntegralInRange<std::size_t>(0, kMostSymbols);
  const auto bytes = input.ConsumeRemainingBytes<std::uint8_t>();
  failure([&] { require(unpack_bytes(span(bytes), count).size() == count); });
  require(unpack_bytes(span(pack_bytes(bytes)), bytes.size()) == bytes);
}

}  // namespace
}  // namespace pie

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  const auto mode = static_cast<pie::BlockMode>(input.ConsumeIntegralInRange<int>(0, 2));
  switch (input.ConsumeIntegralInRange<int>(0, 2)) {
    case 0:
      pie::normal_block(mode, input);
      break;
    case 1:
      pie::sample_block(mode, input);
      break;
    default:
      pie::packed_bytes(input);
  }
  return 0;
}

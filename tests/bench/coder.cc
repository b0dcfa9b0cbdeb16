// The entropy coder of exact PIEs, eight symbols at once, against the same by FORMAT.md to the
// letter: integers, one symbol after the other. Both code the same symbols in one run, in turns.
//
//   bench_coder [SYMBOLS [COMPONENTS]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "lib/base/random.h"
#include "lib/coding/layer_coder.h"
#include "lib/coding/logistic_mixture.h"
#include "tests/support/mixture_by_format.h"

namespace {

using pie::LogisticMixture;

int components = 5;  // not known to the compiler
constexpr std::uint32_t kWhole = 1U << LogisticMixture::kTotalBits;

struct Symbols {
  std::vector<pie::MixtureIndex> indices;
  pie::Bytes levels;
};

// Levels drawn from mixtures as networks give them for photographs: means near each other.
Symbols draw(const LogisticMixture& mixture, std::size_t count) {
  Symbols symbols;
  std::vector<std::uint32_t> slots;
  for (std::size_t i = 0; i < count; ++i) {
    const pie::CounterRandom random(i, 0);
    const auto below = [&](std::uint32_t at, std::uint32_t size) {
      return static_cast<std::int32_t>(random.bits(at) % size);
    };
    const std::int32_t middle = 8 * below(0, LogisticMixture::kLevels);
    for (std::uint32_t k = 1; k <= static_cast<std::uint32_t>(components); ++k)
      symbols.indices.push_back(pie::kWeightIndices.nearest(below(k, 32)));
    for (std::uint32_t k = 11; k <= 10 + static_cast<std::uint32_t>(components); ++k) {
      symbols.indices.push_back(pie::kMeanIndices.nearest(middle + below(k, 64) - 32));
    }
    for (std::uint32_t k = 21; k <= 20 + static_cast<std::uint32_t>(components); ++k) {
      symbols.indices.push_back(pie::kScaleIndices.nearest(below(k, 24) - 8));
    }
    slots.push_back(random.bits(31) >> 8);
  }
  std::vector<LogisticMixture::Interval> found(count);
  mixture.find(slots.data(), symbols.indices.data(), components, count, found.data());
  for (const auto& own : found) symbols.levels.push_back(static_cast<std::uint8_t>(own.level));
  return symbols;
}

pie::Bytes encode_plainly(const pie::MixtureTables& tables, const Symbols& symbols) {
  pie::FineRansEncoder encoder;
  const auto* row = symbols.indices.data();
  for (const auto level : symbols.levels) {
    const int v = level;
    const std::uint32_t first = pie::start_by_format(tables, row, components, v);
    encoder.put(first, pie::start_by_format(tables, row, components, v + 1) - first,
                LogisticMixture::kTotalBits);
    row += 3 * components;
  }
  return encoder.finish();
}

pie::Bytes decode_plainly(const pie::MixtureTables& tables, const Symbols& symbols,
                          const pie::Bytes& bytes) {
  pie::FineRansDecoder decoder({bytes.data(), bytes.size()});
  pie::Bytes levels;
  const auto* row = symbols.indices.data();
  for (std::size_t i = 0; i < symbols.levels.size(); ++i, row += 3 * components) {
    const std::uint32_t slot = decoder.slot(LogisticMixture::kTotalBits);
    // Galloping from a mean, then halving.
    int low = 0, high = LogisticMixture::kLevels, step = 1;
    std::uint32_t first = 0, last = kWhole;
    for (int probe = row[components] / 8; high - low > 1; step *= 2) {
      const std::uint32_t at = pie::start_by_format(tables, row, components, probe);
      const bool up = at <= slot;
      (up ? low : high) = probe;
      (up ? first : last) = at;
      const int middle = (low + high) / 2;
      probe = up ? std::min(low + step, middle) : std::max(high - step, middle);
    }
    decoder.advance(first, last - first, LogisticMixture::kTotalBits);
    levels.push_back(static_cast<std::uint8_t>(low));
  }
  decoder.finish();
  return levels;
}

pie::MixtureRows rows_of(const Symbols& symbols) {
  return {symbols.indices.data(), components, symbols.levels.size()};
}

pie::Bytes encode(const LogisticMixture& mixture, const Symbols& symbols) {
  pie::SampleEncoder encoder(mixture);
  encoder.put(symbols.levels.data(), rows_of(symbols));
  return encoder.finish().bytes;
}

pie::Bytes decode(const LogisticMixture& mixture, const Symbols& symbols, const pie::Bytes& bytes) {
  pie::Bytes levels(symbols.levels.size());
  pie::SampleDecoder decoder(mixture, pie::BlockMode::kRans, {bytes.data(), bytes.size()},
                             levels.size());
  decoder.get(rows_of(symbols), levels.data());
  decoder.finish();
  return levels;
}

template <typename Work>
double seconds(const Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void report(const char* what, std::size_t symbols, double plain, double lanes) {
  const double millions = static_cast<double>(symbols) / 1e6;
  std::printf("%s: %.1f million symbols/s, one by one %.1f, ratio %.2f\n", what, millions / lanes,
              millions / plain, plain / lanes);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::stoul(argv[1]) : 1'000'000;
  if (argc > 2) components = std::stoi(argv[2]);
  const auto tables = pie::MixtureTables::standard();
  const LogisticMixture mixture(tables);
  const Symbols symbols = draw(mixture, count);
  pie::Bytes plain, lanes;
  bool same = true;
  double times[4] = {1e9, 1e9, 1e9, 1e9};  // the best of each
  for (int round = 0; round < 5; ++round) {
    times[0] = std::min(times[0], seconds([&] { plain = encode_plainly(tables, symbols); }));
    times[1] = std::min(times[1], seconds([&] { lanes = encode(mixture, symbols); }));
    times[2] = std::min(times[2], seconds([&] {
                          same = same && decode_plainly(tables, symbols, plain) == symbols.levels;
                        }));
    times[3] = std::min(times[3], seconds([&] {
                          same = same && decode(mixture, symbols, lanes) == symbols.levels;
                        }));
  }
  report("encoding", count, times[0], times[1]);
  report("decoding", count, times[2], times[3]);
  std::printf("bytes: %zu, one by one %zu; symbols restored: %s\n", lanes.size(), plain.size(),
              same ? "yes" : "NO");
  return same ? 0 : 1;
}

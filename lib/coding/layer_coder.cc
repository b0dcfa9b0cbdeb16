#include "lib/coding/layer_coder.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "lib/base/error.h"

namespace pie {
namespace {

// -------------------------------------------------------------------------------------------
// FORMAT.md, 6: what the table has no interval for is spelled out behind the escape.

void put_symbol(RansEncoder& encoder, std::int32_t k, const NormalSymbols& model) {
  const auto own = model.interval(k);
  encoder.put(own.start, own.freq);
  if (model.has(k)) return;
  // At least 1, at most 2^31.
  const std::int64_t magnitude = k < 0 ? -std::int64_t{k} : std::int64_t{k};
  const auto excess = static_cast<std::uint32_t>(magnitude - model.largest());
  int exponent = 0;
  while ((excess >> exponent) > 1) ++exponent;
  encoder.put_bits(k < 0 ? 1 : 0, 1);
  encoder.put_bits(static_cast<std::uint32_t>(exponent), 5);
  encoder.put_bits(excess, exponent);
}

std::int32_t get_symbol(RansDecoder& decoder, const NormalSymbols& model) {
  const auto found = model.find(decoder.slot());
  decoder.advance(found.interval.start, found.interval.freq);
  if (!found.escaped) return found.symbol;
  const bool negative = decoder.get_bits(1) != 0;
  const int exponent = static_cast<int>(decoder.get_bits(5));
  const std::int64_t excess = std::int64_t{1} << exponent | decoder.get_bits(exponent);
  const std::int64_t magnitude = excess + model.largest();
  const std::int64_t k = negative ? -magnitude : magnitude;
  if (k < std::numeric_limits<std::int32_t>::min() ||
      k > std::numeric_limits<std::int32_t>::max()) {
    throw DamagedError("damaged entropy-coded bytes: escaped integer exceeds 32 bits");
  }
  return static_cast<std::int32_t>(k);
}

// The intervals, in their samples' mixtures, of the levels of all sets.
class SetSlots {
 public:
  SetSlots(const LogisticMixture& model, const MixtureRows& rows, const LevelSets& sets,
           const Parts& parts)
      : slots_(sets.levels.size()) {
    const auto columns = 3 * static_cast<std::size_t>(rows.components);
    std::vector<const MixtureIndex*> of_levels;
    of_levels.reserve(slots_.size());
    for (std::size_t i = 0; i < rows.samples; ++i) {
      of_levels.insert(of_levels.end(), sets.sizes[i], rows.indices + i * columns);
    }
    parts(static_cast<std::int64_t>(slots_.size()), [&](std::int64_t begin, std::int64_t end) {
      std::vector<LogisticMixture::Interval> found(static_cast<std::size_t>(end - begin));
      model.intervals_of_rows(sets.levels.data() + begin, of_levels.data() + begin, rows.components,
                              found.size(), found.data());
      std::transform(found.begin(), found.end(), slots_.begin() + begin, [](const auto& own) {
        return SetIntervals::Slots{own.start, own.freq};
      });
    });
  }
  // Of the set whose first level is number `at` of all.
  SetIntervals set(std::size_t at, std::size_t count, std::uint64_t factor) const {
    return {slots_.data() + at, count, factor};
  }

 private:
  std::vector<SetIntervals::Slots> slots_;
};

}  // namespace

CodedBlock encode_symbols(const std::int32_t* symbols, std::size_t count,
                          const NormalSymbols& model) {
  RansEncoder encoder;
  for (std::size_t i = 0; i < count; ++i) put_symbol(encoder, symbols[i], model);
  return smallest_block(symbols, count, encoder.finish());
}

std::vector<std::int32_t> decode_symbols(BlockMode mode, ByteSpan bytes, std::size_t count,
                                         const NormalSymbols& model) {
  if (mode != BlockMode::kRans) return decode_plain_symbols(mode, bytes, count);
  RansDecoder decoder(bytes);
  std::vector<std::int32_t> symbols(count);
  for (std::int32_t& symbol : symbols) symbol = get_symbol(decoder, model);
  decoder.finish();
  return symbols;
}

// -------------------------------------------------------------------------------------------
// Samples

void SampleEncoder::reserve(std::size_t samples) {
  encoder_.reserve(2 * samples);  // a step for the set, one for the level
  symbols_.reserve(samples);
}

void SampleEncoder::put(const std::uint8_t* levels, const MixtureRows& rows) {
  intervals_.resize(rows.samples);
  model_.intervals(levels, rows.indices, rows.components, rows.samples, intervals_.data());
  for (const auto& own : intervals_) {
    encoder_.put(own.start, own.freq, LogisticMixture::kTotalBits);
    ideal_bits_ += own.bits();
    symbols_.push_back(own.level - kMiddleSample);
  }
}

void SampleEncoder::put_interval(std::uint32_t start, std::uint32_t freq) {
  encoder_.put(start, freq, LogisticMixture::kTotalBits);
  ideal_bits_ += LogisticMixture::Interval{0, start, freq}.bits();
}

void SampleEncoder::put(const std::uint8_t* levels, const MixtureRows& rows, const LevelSets& sets,
                        SetOdds& odds, const Parts& parts) {
  intervals_.resize(rows.samples);
  parts(static_cast<std::int64_t>(rows.samples), [&](std::int64_t begin, std::int64_t end) {
    model_.intervals(levels + begin, rows.indices + begin * 3 * rows.components, rows.components,
                     static_cast<std::size_t>(end - begin), intervals_.data() + begin);
  });
  const SetSlots slots(model_, rows, sets, parts);
  std::vector<std::size_t> left;  // samples that are in no set
  for (std::size_t i = 0, at = 0; i < rows.samples; at += sets.sizes[i++]) {
    const auto own = intervals_[i];
    symbols_.push_back(own.level - kMiddleSample);
    const std::size_t count = sets.sizes[i];
    if (count == 0) {
      left.push_back(i);
      continue;
    }
    const auto set = slots.set(at, count, odds.factor(sets.contexts[i]));
    const auto* first = sets.levels.data() + at;
    const auto* found = std::find(first, first + count, own.level);
    const auto member = set.interval(static_cast<std::size_t>(found - first));
    put_interval(member.start, member.freq);
    odds.add(sets.contexts[i], set.mass(), found != first + count);
    if (found != first + count) continue;
    const auto outside = set.outside({own.start, own.freq});
    intervals_[i] = {own.level, outside.start, outside.freq};
    left.push_back(i);
  }
  for (const std::size_t i : left) put_interval(intervals_[i].start, intervals_[i].freq);
  odds.settle();
}

void SampleEncoder::put_number(std::uint32_t value, int bits) {
  encoder_.put(value, 1, bits);
  ideal_bits_ += bits;
}

CodedBlock SampleEncoder::finish() {
  auto block =
      smallest_block(symbols_.data(), symbols_.size(), finish_lanes(encoder_, symbols_.size()));
  symbols_.clear();
  ideal_bits_ = 0;
  return block;
}

SampleDecoder::SampleDecoder(const LogisticMixture& model, BlockMode mode, ByteSpan bytes,
                             std::size_t count)
    : model_(model) {
  if (mode == BlockMode::kRans) {
    decoder_.emplace(bytes, count);
    symbols_.reserve(count);
    return;
  }
  symbols_ = decode_plain_symbols(mode, bytes, count);
  for (const std::int32_t symbol : symbols_) {
    if (symbol < -kMiddleSample || symbol >= kMiddleSample) {
      throw DamagedError("not a sample of 8 bits");
    }
  }
}

void SampleDecoder::require_modelled() const {
  if (!modelled()) throw UsageError("a block without the model's help has samples alone");
}

std::uint32_t SampleDecoder::get_number(int bits) {
  require_modelled();
  const auto value = decoder_->slot(0, bits);
  decoder_->advance(value, 1, bits);
  return value;
}

void SampleDecoder::get(const MixtureRows& rows, std::uint8_t* levels) {
  if (decoder_) return get_coded(rows, levels);
  for (std::size_t i = 0; i < rows.samples; ++i) {
    levels[i] = static_cast<std::uint8_t>(symbols_.at(used_++) + kMiddleSample);
  }
}

void SampleDecoder::get_coded(const MixtureRows& rows, std::uint8_t* levels) {
  const auto columns = 3 * static_cast<std::size_t>(rows.components);
  std::array<std::uint32_t, kRansLanes> slots;
  std::array<LogisticMixture::Interval, kRansLanes> found;
  for (std::size_t i = 0; i < rows.samples;) {
    const std::size_t now = std::min(decoder_->lanes(), rows.samples - i);
    for (std::size_t j = 0; j < now; ++j) {
      slots[j] = decoder_->slot(j, LogisticMixture::kTotalBits);
    }
    model_.find(slots.data(), rows.indices + i * columns, rows.components, now, found.data());
    for (std::size_t j = 0; j < now; ++j) {
      decoder_->advance(found[j].start, found[j].freq, LogisticMixture::kTotalBits);
      symbols_.push_back(found[j].level - kMiddleSample);
      levels[i++] = static_cast<std::uint8_t>(found[j].level);
    }
  }
}

void SampleDecoder::get(const MixtureRows& rows, const LevelSets& sets, SetOdds& odds,
                        const Parts& parts, std::uint8_t* levels) {
  require_modelled();
  const auto columns = 3 * static_cast<std::size_t>(rows.components);
  const SetSlots slots(model_, rows, sets, parts);
  struct Left {
    std::size_t sample, at, count;
    std::uint64_t factor;
  };
  std::vector<Left> left;
  for (std::size_t i = 0, at = 0; i < rows.samples; at += sets.sizes[i++]) {
    const std::size_t count = sets.sizes[i];
    const auto factor = odds.factor(sets.contexts[i]);
    std::size_t member = count;
    if (count > 0) {
      const auto set = slots.set(at, count, factor);
      member = set.find(decoder_->slot(0, LogisticMixture::kTotalBits));
      const auto own = set.interval(member);
      decoder_->advance(own.start, own.freq, LogisticMixture::kTotalBits);
      odds.add(sets.contexts[i], set.mass(), member < count);
    }
    if (member < count) {
      levels[i] = sets.levels[at + member];
    } else {
      left.push_back({i, at, count, factor});
    }
  }
  odds.settle();
  std::array<std::uint32_t, kRansLanes> wanted;
  std::array<MixtureIndex, kRansLanes * 3 * kMaxComponents> their_rows;
  std::array<LogisticMixture::Interval, kRansLanes> found;
  for (std::size_t i = 0; i < left.size();) {
    const std::size_t now = std::min(decoder_->lanes(), left.size() - i);
    for (std::size_t j = 0; j < now; ++j) {
      const auto& one = left[i + j];
      wanted[j] = decoder_->slot(j, LogisticMixture::kTotalBits);
      if (one.count > 0) {
        wanted[j] = slots.set(one.at, one.count, one.factor).slot_in_mixture(wanted[j]);
      }
      std::copy_n(rows.indices + one.sample * columns, columns, their_rows.data() + j * columns);
    }
    model_.find(wanted.data(), their_rows.data(), rows.components, now, found.data());
    for (std::size_t j = 0; j < now; ++j) {
      const auto& one = left[i++];
      SetIntervals::Slots own{found[j].start, found[j].freq};
      if (one.count > 0) own = slots.set(one.at, one.count, one.factor).outside(own);
      decoder_->advance(own.start, own.freq, LogisticMixture::kTotalBits);
      levels[one.sample] = static_cast<std::uint8_t>(found[j].level);
    }
  }
  for (std::size_t i = 0; i < rows.samples; ++i) {
    symbols_.push_back(levels[i] - kMiddleSample);
  }
}

const std::vector<std::int32_t>& SampleDecoder::finish() const {
  if (decoder_) decoder_->finish();
  return symbols_;
}

}  // namespace pie

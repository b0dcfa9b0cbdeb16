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

void SampleEncoder::put(const float* levels, const MixtureRows& rows) {
  intervals_.resize(rows.samples);
  model_.intervals(levels, rows.indices, rows.components, rows.samples, intervals_.data());
  for (const auto& own : intervals_) {
    encoder_.put(own.start, own.freq, LogisticMixture::kTotalBits);
    ideal_bits_ += own.bits();
    symbols_.push_back(own.level - kMiddleSample);
  }
}

CodedBlock SampleEncoder::finish() {
  const auto symbols = std::exchange(symbols_, {});
  ideal_bits_ = 0;
  return smallest_block(symbols.data(), symbols.size(), finish_lanes(encoder_));
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

void SampleDecoder::get(const MixtureRows& rows, float* levels) {
  if (decoder_) return get_coded(rows, levels);
  for (std::size_t i = 0; i < rows.samples; ++i) {
    levels[i] = static_cast<float>(symbols_.at(used_++) + kMiddleSample);
  }
}

void SampleDecoder::get_coded(const MixtureRows& rows, float* levels) {
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
      levels[i++] = static_cast<float>(found[j].level);
    }
  }
}

const std::vector<std::int32_t>& SampleDecoder::finish() const {
  if (decoder_) decoder_->finish();
  return symbols_;
}

}  // namespace pie

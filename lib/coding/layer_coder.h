// Symbols of one block <-> bytes, by the probabilities of an entropy model that the caller gives:
// coders ask models for intervals, and models know of no coder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/parts.h"
#include "lib/coding/coded_block.h"
#include "lib/coding/level_sets.h"
#include "lib/coding/logistic_mixture.h"
#include "lib/coding/normal_table.h"
#include "lib/coding/rans.h"
#include "lib/coding/rans_lanes.h"

namespace pie {

// The smallest coding of `count` symbols that are distributed as `model` says.
CodedBlock encode_symbols(const std::int32_t* symbols, std::size_t count,
                          const NormalSymbols& model);

// Decodes `count` symbols of any mode. Throws like decode_plain_symbols.
std::vector<std::int32_t> decode_symbols(BlockMode mode, ByteSpan bytes, std::size_t count,
                                         const NormalSymbols& model);

// Samples as symbols are relative to this one, so that raw storage takes 8 bits of them.
inline constexpr std::int32_t kMiddleSample = 128;

// The mixtures of some samples: a row of indices for each, as LogisticMixture takes them.
struct MixtureRows {
  const MixtureIndex* indices;
  int components;
  std::size_t samples;
};

// Codes the 8-bit samples of one block of a layer, some at a time, as whoever knows their mixtures
// comes to them.
class SampleEncoder {
 public:
  explicit SampleEncoder(const LogisticMixture& model) : model_(model) {}

  // Makes room for a block of `samples`.
  void reserve(std::size_t samples);

  // Appends samples with these levels, 0 to 255.
  void put(const std::uint8_t* levels, const MixtureRows& rows);

  // The same with a set of levels for each sample. First come the members of all sets, then the
  // samples that are none. `odds` learns from them. `parts`: of samples.
  void put(const std::uint8_t* levels, const MixtureRows& rows, const LevelSets& sets,
           SetOdds& odds, const Parts& parts);

  // The `bits` (1 to 16) lowest bits of a number that the samples behind it depend on.
  void put_number(std::uint32_t value, int bits);

  // What the model's frequencies ask for.
  double ideal_bits() const { return ideal_bits_; }
  // The smallest coding of all of them; the encoder is empty afterwards.
  CodedBlock finish();

 private:
  void put_interval(std::uint32_t start, std::uint32_t freq);

  const LogisticMixture& model_;
  FineRansEncoder encoder_;
  std::vector<std::int32_t> symbols_;
  std::vector<LogisticMixture::Interval> intervals_;
  double ideal_bits_ = 0;
};

// Decodes what SampleEncoder has coded.
class SampleDecoder {
 public:
  // `count`: samples of the block. Throws DamagedError unless the bytes begin as an encoder's and,
  // in the modes that need no model, are `count` samples of 8 bits. `bytes` must outlive this.
  SampleDecoder(const LogisticMixture& model, BlockMode mode, ByteSpan bytes, std::size_t count);

  // Whether the block was coded by the model's probabilities. If not, it has samples alone: no
  // numbers, and no sets.
  bool modelled() const { return decoder_.has_value(); }
  // Throws UsageError unless modelled().
  std::uint32_t get_number(int bits);

  // The levels of the next samples, of which there must be as many left.
  void get(const MixtureRows& rows, std::uint8_t* levels);

  // The same with a set of levels for each sample. Throws UsageError unless modelled().
  void get(const MixtureRows& rows, const LevelSets& sets, SetOdds& odds, const Parts& parts,
           std::uint8_t* levels);

  // Behind the last sample: throws DamagedError unless every byte was used. The symbols of the
  // whole block, to be verified.
  const std::vector<std::int32_t>& finish() const;

 private:
  void get_coded(const MixtureRows& rows, std::uint8_t* levels);
  void require_modelled() const;

  const LogisticMixture& model_;
  std::optional<RansLanesDecoder> decoder_;  // none if the symbols were stored without a model
  std::vector<std::int32_t> symbols_;
  std::size_t used_ = 0;
};

}  // namespace pie

// Integer symbols <-> the bytes of one block, in whichever mode is smallest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/container/normal_table.h"

namespace pie {

// How the bytes of a block hold its symbols (FORMAT.md, 4.2 to 4.4).
enum class BlockMode : std::uint8_t {
  kRans = 0,  // entropy-coded with the model's probabilities: NormalSymbols for real-valued models
  kZstd = 1,  // one zstd frame of zigzag varints
  kRaw = 2,   // zigzag integers of fixed width
};

struct CodedBlock {
  BlockMode mode = BlockMode::kRans;
  Bytes bytes;
  std::uint64_t symbol_hash = 0;
};

// XXH3-64 of the symbols as little-endian 32-bit integers.
std::uint64_t symbol_hash(const std::int32_t* symbols, std::size_t count);

// The smaller of the modes that need no model.
CodedBlock plain_block(const std::int32_t* symbols, std::size_t count);

// The smallest coding of the symbols, with their hash: `entropy_coded`, which the caller made with
// the model's probabilities, or one of the modes that need no model. Equal symbols give equal
// bytes.
CodedBlock smallest_block(const std::int32_t* symbols, std::size_t count, Bytes entropy_coded);

// The same, with N(0, 1) quantized at the table's step as the model.
CodedBlock encode_symbols(const std::int32_t* symbols, std::size_t count,
                          const NormalSymbols& table);

// Decodes `count` symbols of a mode that needs no model. Allocates at most 9 * count bytes plus a
// constant, whatever the bytes say. Throws DamagedError if they are not exactly `count` symbols,
// UsageError for mode kRans.
std::vector<std::int32_t> decode_plain_symbols(BlockMode mode, ByteSpan bytes, std::size_t count);

// The same for any mode, with `table` for kRans.
std::vector<std::int32_t> decode_symbols(BlockMode mode, ByteSpan bytes, std::size_t count,
                                         const NormalSymbols& table);

}  // namespace pie

// One block of a layer as bytes, and the modes of coding it that need no model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/bytes.h"

namespace pie {

// How the bytes of a block hold its symbols (FORMAT.md, 4.2 to 4.4).
enum class BlockMode : std::uint8_t {
  kRans = 0,  // entropy-coded with the model's probabilities (lib/coding/layer_coder.h)
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

// The same of bytes less 128.
std::uint64_t byte_symbol_hash(const Bytes& bytes);

// The smaller of the modes that need no model.
CodedBlock plain_block(const std::int32_t* symbols, std::size_t count);

// The smallest coding of the symbols, with their hash: `entropy_coded`, which the caller made with
// the model's probabilities, or one of the modes that need no model. Equal symbols give equal
// bytes.
CodedBlock smallest_block(const std::int32_t* symbols, std::size_t count, Bytes entropy_coded);

// Decodes `count` symbols of a mode that needs no model. Allocates at most 9 * count bytes plus a
// constant, whatever the bytes say. Throws DamagedError if they are not exactly `count` symbols,
// UsageError for mode kRans.
std::vector<std::int32_t> decode_plain_symbols(BlockMode mode, ByteSpan bytes, std::size_t count);

// Bytes as symbols: each less 128; and back. Throws DamagedError for a symbol that is no byte.
std::vector<std::int32_t> bytes_to_symbols(const Bytes& bytes);
Bytes symbols_to_bytes(const std::vector<std::int32_t>& symbols);

// Bytes in the smaller of these modes, behind a byte that says which.
Bytes pack_bytes(const Bytes& bytes);

// The `count` bytes that were packed. Allocates like decode_plain_symbols. Throws DamagedError.
Bytes unpack_bytes(ByteSpan packed, std::size_t count);

}  // namespace pie

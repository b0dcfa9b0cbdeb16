#include "lib/coding/coded_block.h"

#include <zstd.h>

#include <array>
#include <limits>
#include <utility>

#include "lib/base/checksum.h"
#include "lib/base/error.h"

namespace pie {
namespace {

// High enough for the small alphabets of residuals; above it zstd gets slow without getting
// smaller.
constexpr int kZstdLevel = 9, kFastZstdLevel = 1;
constexpr std::size_t kMaxVarintBytes = 5;  // of a 32-bit integer
constexpr std::int32_t kMiddleByte = 128;

std::uint32_t zigzag(std::int32_t value) {
  return (static_cast<std::uint32_t>(value) << 1) ^ (value < 0 ? 0xFFFFFFFFU : 0U);
}

std::int32_t unzigzag(std::uint32_t value) {
  const std::int64_t half = value >> 1;
  return static_cast<std::int32_t>((value & 1U) != 0 ? -half - 1 : half);
}

// The width of raw symbols follows from length and count, so that it need not be stored: the widest
// that fits. Where several widths make the same length, the encoder uses that one too.
std::uint64_t raw_width(std::size_t bytes, std::size_t count) {
  return 8 * std::uint64_t{bytes} / count;
}

std::uint64_t raw_bytes(std::uint64_t width, std::size_t count) { return (width * count + 7) / 8; }

Bytes encode_raw(const std::int32_t* symbols, std::size_t count) {
  std::uint32_t all = 0;
  for (std::size_t i = 0; i < count; ++i) all |= zigzag(symbols[i]);
  std::uint64_t width = 0;
  for (; all != 0; all >>= 1) ++width;
  Bytes bytes(static_cast<std::size_t>(raw_bytes(width, count)));
  width = raw_width(bytes.size(), count);
  std::uint64_t pending = 0;
  unsigned pending_bits = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    pending |= std::uint64_t{zigzag(symbols[i])} << pending_bits;
    pending_bits += static_cast<unsigned>(width);
    for (; pending_bits >= 8; pending_bits -= 8, pending >>= 8) {
      bytes[at++] = static_cast<std::uint8_t>(pending);
    }
  }
  if (pending_bits > 0) bytes[at] = static_cast<std::uint8_t>(pending);
  return bytes;
}

std::vector<std::int32_t> decode_raw(ByteSpan bytes, std::size_t count) {
  const std::uint64_t width = raw_width(bytes.size, count);
  if (width > 32 || raw_bytes(width, count) != bytes.size) {
    throw DamagedError("damaged raw symbols: wrong length");
  }
  std::vector<std::int32_t> symbols(count);
  const std::uint64_t mask = (std::uint64_t{1} << width) - 1;
  std::uint64_t pending = 0;
  unsigned pending_bits = 0;
  std::size_t at = 0;
  for (std::int32_t& symbol : symbols) {
    for (; pending_bits < width; pending_bits += 8) {
      pending |= std::uint64_t{bytes.data[at++]} << pending_bits;
    }
    symbol = unzigzag(static_cast<std::uint32_t>(pending & mask));
    pending >>= width;
    pending_bits -= static_cast<unsigned>(width);
  }
  if (pending != 0) throw DamagedError("damaged raw symbols: padding is not zero");
  return symbols;
}

// None if a fast look says that they would hardly be at most `limit` bytes.
Bytes encode_zstd(const std::int32_t* symbols, std::size_t count, std::size_t limit) {
  ByteWriter varints;
  for (std::size_t i = 0; i < count; ++i) varints.varint(zigzag(symbols[i]));
  Bytes bytes(ZSTD_compressBound(varints.size()));
  const auto compress = [&](int level) {
    const std::size_t size =
        ZSTD_compress(bytes.data(), bytes.size(), varints.bytes().data(), varints.size(), level);
    if (ZSTD_isError(size) != 0) throw OperationError("zstd cannot compress: out of memory");
    return size;
  };
  if (compress(kFastZstdLevel) / 2 > limit) return {};
  bytes.resize(compress(kZstdLevel));
  return bytes;
}

// If that is smaller than what `block` has.
void use_zstd(const std::int32_t* symbols, std::size_t count, CodedBlock& block) {
  auto compressed = encode_zstd(symbols, count, block.bytes.size());
  if (compressed.empty() || compressed.size() >= block.bytes.size()) return;
  block.mode = BlockMode::kZstd;
  block.bytes = std::move(compressed);
}

std::vector<std::int32_t> decode_zstd(ByteSpan bytes, std::size_t count) {
  // The error values of the content size are the largest integers, so this refuses them too.
  const std::uint64_t content = ZSTD_getFrameContentSize(bytes.data, bytes.size);
  if (content < count || content > kMaxVarintBytes * std::uint64_t{count} ||
      ZSTD_findFrameCompressedSize(bytes.data, bytes.size) != bytes.size) {
    throw DamagedError("damaged zstd symbols: wrong length");
  }
  Bytes varints(static_cast<std::size_t>(content));
  if (ZSTD_decompress(varints.data(), varints.size(), bytes.data, bytes.size) != varints.size()) {
    throw DamagedError("damaged zstd symbols: cannot decompress");
  }
  ByteReader reader(varints.data(), varints.size());
  std::vector<std::int32_t> symbols(count);
  for (std::int32_t& symbol : symbols) {
    const std::uint64_t value = reader.varint();
    if (value > std::numeric_limits<std::uint32_t>::max()) {
      throw DamagedError("damaged zstd symbols: integer exceeds 32 bits");
    }
    symbol = unzigzag(static_cast<std::uint32_t>(value));
  }
  if (!reader.at_end()) throw DamagedError("damaged zstd symbols: too many");
  return symbols;
}

// Of numbers less `middle`, as little-endian 32-bit integers.
template <typename Number>
std::uint64_t hash_of(const Number* first, const Number* last, std::int32_t middle) {
  Xxh3 hash;
  std::array<std::uint8_t, 4096> piece{};
  while (first != last) {
    std::size_t used = 0;
    for (; used < piece.size() && first != last; ++first) {
      const auto value = static_cast<std::uint32_t>(*first - middle);
      for (int shift = 0; shift < 32; shift += 8) {
        piece[used++] = static_cast<std::uint8_t>(value >> shift);
      }
    }
    hash.update(piece.data(), used);
  }
  return hash.digest();
}

}  // namespace

std::uint64_t symbol_hash(const std::int32_t* symbols, std::size_t count) {
  return hash_of(symbols, symbols + count, 0);
}

std::uint64_t byte_symbol_hash(const Bytes& bytes) {
  return hash_of(bytes.data(), bytes.data() + bytes.size(), kMiddleByte);
}

CodedBlock plain_block(const std::int32_t* symbols, std::size_t count) {
  if (count == 0) return {BlockMode::kRaw, {}, symbol_hash(symbols, count)};
  CodedBlock block{BlockMode::kRaw, encode_raw(symbols, count), symbol_hash(symbols, count)};
  use_zstd(symbols, count, block);
  return block;
}

CodedBlock smallest_block(const std::int32_t* symbols, std::size_t count, Bytes entropy_coded) {
  CodedBlock block{BlockMode::kRans, std::move(entropy_coded), symbol_hash(symbols, count)};
  auto raw = count == 0 ? Bytes() : encode_raw(symbols, count);
  if (raw.size() < block.bytes.size()) {
    block.mode = BlockMode::kRaw;
    block.bytes = std::move(raw);
  }
  use_zstd(symbols, count, block);
  return block;
}

std::vector<std::int32_t> decode_plain_symbols(BlockMode mode, ByteSpan bytes, std::size_t count) {
  if (mode == BlockMode::kRans) throw UsageError("entropy-coded symbols need the model's table");
  if (count == 0) {
    if (bytes.size != 0) throw DamagedError("damaged symbols: bytes without symbols");
    return {};
  }
  return mode == BlockMode::kZstd ? decode_zstd(bytes, count) : decode_raw(bytes, count);
}

std::vector<std::int32_t> bytes_to_symbols(const Bytes& bytes) {
  std::vector<std::int32_t> symbols;
  symbols.reserve(bytes.size());
  for (const std::uint8_t byte : bytes) symbols.push_back(byte - kMiddleByte);
  return symbols;
}

Bytes symbols_to_bytes(const std::vector<std::int32_t>& symbols) {
  Bytes bytes;
  bytes.reserve(symbols.size());
  for (const std::int32_t symbol : symbols) {
    if (symbol < -kMiddleByte || symbol >= kMiddleByte) {
      throw DamagedError("damaged bytes: not of 8 bits");
    }
    bytes.push_back(static_cast<std::uint8_t>(symbol + kMiddleByte));
  }
  return bytes;
}

Bytes pack_bytes(const Bytes& bytes) {
  const auto symbols = bytes_to_symbols(bytes);
  const auto block = plain_block(symbols.data(), symbols.size());
  ByteWriter packed;
  packed.u8(static_cast<std::uint8_t>(block.mode));
  packed.raw(block.bytes);
  return packed.take();
}

Bytes unpack_bytes(ByteSpan packed, std::size_t count) {
  const auto mode = packed.size == 0 ? BlockMode::kRans : static_cast<BlockMode>(packed.data[0]);
  if (mode != BlockMode::kZstd && mode != BlockMode::kRaw) {
    throw DamagedError("damaged bytes: stored in an impossible way");
  }
  return symbols_to_bytes(decode_plain_symbols(mode, {packed.data + 1, packed.size - 1}, count));
}

}  // namespace pie

#include "lib/base/checksum.h"

#include <nettle/base64.h>
#include <nettle/sha2.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

// Compiled in, so that no shared xxHash library is needed and the hash cannot change under us.
#define XXH_INLINE_ALL
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#endif
#include <xxhash.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace pie {

std::uint32_t crc32(const void* data, std::size_t size, std::uint32_t before) {
  // zlib counts in uInt, so larger buffers go through in pieces.
  const auto* bytes = static_cast<const Bytef*>(data);
  uLong crc = before;
  while (size > 0) {
    const std::size_t piece = std::min<std::size_t>(size, std::numeric_limits<uInt>::max());
    crc = ::crc32(crc, bytes, static_cast<uInt>(piece));
    bytes += piece;
    size -= piece;
  }
  return static_cast<std::uint32_t>(crc);
}

std::uint64_t xxh3_64(const void* data, std::size_t size) { return XXH3_64bits(data, size); }

struct Xxh3::State {
  XXH3_state_t xxh;
};

Xxh3::Xxh3() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh); }
Xxh3::~Xxh3() = default;

void Xxh3::update(const void* data, std::size_t size) {
  XXH3_64bits_update(&state_->xxh, data, size);
}

std::uint64_t Xxh3::digest() const { return XXH3_64bits_digest(&state_->xxh); }

// Nettle's state lies on the stack: nothing is allocated, so nothing can be refused.
Sha256 sha256(const void* data, std::size_t size) {
  sha256_ctx state;
  sha256_init(&state);
  sha256_update(&state, size, static_cast<const std::uint8_t*>(data));
  Sha256 digest;
  sha256_digest(&state, digest.size(), digest.data());
  return digest;
}

std::string to_hex(const void* data, std::size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  std::string text;
  text.reserve(2 * size);
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::string to_base64(const std::uint8_t* data, std::size_t size) {
  std::string text(BASE64_ENCODE_RAW_LENGTH(size), '\0');
  base64_encode_raw(text.data(), size, data);
  return text;
}

}  // namespace pie

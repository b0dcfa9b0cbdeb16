// Checksums and hashes of byte strings, each from its reference library.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace pie {

// CRC-32 as in gzip and PNG (polynomial 0x04C11DB7, reflected). `before` continues an earlier one.
std::uint32_t crc32(const void* data, std::size_t size, std::uint32_t before = 0);

// XXH3 with 64 bits, seed 0.
std::uint64_t xxh3_64(const void* data, std::size_t size);

// The same hash over data that arrives in pieces.
class Xxh3 {
 public:
  Xxh3();
  ~Xxh3();
  Xxh3(const Xxh3&) = delete;
  Xxh3& operator=(const Xxh3&) = delete;

  void update(const void* data, std::size_t size);
  std::uint64_t digest() const;  // of everything so far; more may follow

 private:
  struct State;
  std::unique_ptr<State> state_;
};

using Sha256 = std::array<std::uint8_t, 32>;

// SHA-256 (FIPS 180-4).
Sha256 sha256(const void* data, std::size_t size);

// Lower-case hexadecimal, two digits a byte.
std::string to_hex(const void* data, std::size_t size);

// Base64 (RFC 4648, section 4, padded).
std::string to_base64(const std::uint8_t* data, std::size_t size);

}  // namespace pie

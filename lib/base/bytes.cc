#include "lib/base/bytes.h"

#include <utility>

#include "lib/base/error.h"

namespace pie {

void ByteWriter::u16(std::uint16_t value) { low_bytes(value, 2); }
void ByteWriter::u32(std::uint32_t value) { low_bytes(value, 4); }
void ByteWriter::u64(std::uint64_t value) { low_bytes(value, 8); }

void ByteWriter::low_bytes(std::uint64_t value, int count) {
  for (int i = 0; i < count; ++i) {
    bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
}

void ByteWriter::varint(std::uint64_t value) {
  if (value > kMaxVarint) throw UsageError("integer too large for nine bytes");
  while (value >= 0x80) {
    bytes_.push_back(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  bytes_.push_back(static_cast<std::uint8_t>(value));
}

void ByteWriter::raw(const void* data, std::size_t size) {
  const auto* first = static_cast<const std::uint8_t*>(data);
  bytes_.insert(bytes_.end(), first, first + size);
}

Bytes ByteWriter::take() { return std::exchange(bytes_, {}); }

std::uint8_t ByteReader::u8() { return *raw(1).data; }
std::uint16_t ByteReader::u16() { return static_cast<std::uint16_t>(low_bytes(2)); }
std::uint32_t ByteReader::u32() { return static_cast<std::uint32_t>(low_bytes(4)); }
std::uint64_t ByteReader::u64() { return low_bytes(8); }

std::uint64_t ByteReader::low_bytes(int count) {
  const ByteSpan bytes = raw(static_cast<std::uint64_t>(count));
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i) value |= std::uint64_t{bytes.data[i]} << (8 * i);
  return value;
}

std::uint64_t ByteReader::varint() {
  std::uint64_t value = 0;
  for (int i = 0; i < 9; ++i) {
    const std::uint8_t byte = u8();
    value |= std::uint64_t{byte & 0x7Fu} << (7 * i);
    if ((byte & 0x80) == 0) {
      if (byte == 0 && i > 0) throw DamagedError("damaged integer: superfluous zero byte");
      return value;
    }
  }
  throw DamagedError("damaged integer: longer than nine bytes");
}

ByteSpan ByteReader::raw(std::uint64_t count) {
  if (count > remaining()) throw TruncatedError("the bytes end early");
  const ByteSpan span{data_ + position_, static_cast<std::size_t>(count)};
  position_ += span.size;
  return span;
}

}  // namespace pie

// Little-endian integers and variable-length integers in byte strings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pie {

using Bytes = std::vector<std::uint8_t>;

// Bytes that belong to someone else, who must outlive the span.
struct ByteSpan {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

// The largest value a varint can hold: nine bytes of seven bits.
inline constexpr std::uint64_t kMaxVarint = (std::uint64_t{1} << 63) - 1;

// Appends integers to a byte string.
class ByteWriter {
 public:
  void u8(std::uint8_t value) { bytes_.push_back(value); }
  void u16(std::uint16_t value);
  void u32(std::uint32_t value);
  void u64(std::uint64_t value);

  // The lowest `count` bytes (1 to 8) of `value`, little-endian.
  void low_bytes(std::uint64_t value, int count);

  // Seven bits a byte, lowest first, high bit set on all bytes but the last. Throws UsageError
  // above kMaxVarint.
  void varint(std::uint64_t value);

  void raw(const void* data, std::size_t size);
  void raw(const Bytes& bytes) { raw(bytes.data(), bytes.size()); }

  const Bytes& bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  // Hands the bytes over and leaves the writer empty.
  Bytes take();

 private:
  Bytes bytes_;
};

// Reads integers from a span and never reads outside it: every function throws TruncatedError when
// the bytes run out.
class ByteReader {
 public:
  ByteReader(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  explicit ByteReader(ByteSpan span) : ByteReader(span.data, span.size) {}

  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u32();
  std::uint64_t u64();
  std::uint64_t low_bytes(int count);  // the inverse of ByteWriter::low_bytes, zero-extended

  // Also throws DamagedError for a varint of more than nine bytes or with a superfluous last byte.
  std::uint64_t varint();

  // The next `count` bytes, without copying.
  ByteSpan raw(std::uint64_t count);

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return size_ - position_; }
  bool at_end() const { return position_ == size_; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t position_ = 0;
};

}  // namespace pie

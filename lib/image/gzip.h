// gzip data from front to back, for data sets that are distributed as .gz files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "lib/base/bytes.h"
#include "lib/base/input.h"
#include "lib/base/spool.h"

namespace pie {

// True if the bytes begin like a gzip file.
bool is_gzip(const std::uint8_t* data, std::size_t size);

// The decompressed bytes of all members of a gzip file, in order. Memory does not grow with them.
class GzipStream {
 public:
  explicit GzipStream(const Input& input);
  ~GzipStream();
  GzipStream(GzipStream&&) noexcept;
  GzipStream& operator=(GzipStream&&) noexcept;

  // The next `count` bytes, or fewer at the end, whose checksum is then right. Throws
  // TruncatedError if the data ends early, DamagedError if it is corrupt or followed by something
  // else, and what reading throws.
  Bytes read(std::uint64_t count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Compresses to a gzip file of one member, without a name or a time.
class GzipWriter {
 public:
  // `sink` is called with the compressed bytes as they come.
  explicit GzipWriter(Sink sink);
  ~GzipWriter();

  // Both throw what the sink throws.
  void write(const Bytes& bytes);
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same of all bytes at once.
Bytes gzip_file(const Bytes& bytes);

// The first `count` decompressed bytes, or fewer if there are no more or the data is damaged
// further on: for looking at a header. Throws what reading throws.
Bytes gunzip_prefix(const Input& input, std::size_t count);

}  // namespace pie

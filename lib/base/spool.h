// Bytes that are set aside until everything before them is known.
#pragma once

#include <cstdint>
#include <functional>

#include "lib/base/bytes.h"

namespace pie {

// Takes bytes, in order. The bytes belong to the caller.
using Sink = std::function<void(ByteSpan bytes)>;

// A few bytes stay in memory; more go to a temporary file without a name, in $TMPDIR or /tmp, so
// that memory does not grow with them.
class Spool {
 public:
  Spool() = default;
  ~Spool();
  Spool(Spool&& other) noexcept;
  Spool& operator=(Spool&& other) noexcept;

  // Throws OperationError if the temporary file cannot be made or written.
  void append(const Bytes& bytes);
  std::uint64_t size() const { return in_file_ + memory_.size(); }
  // Hands over everything, from the beginning. Throws OperationError.
  void copy_to(const Sink& sink) const;

 private:
  void flush();

  Bytes memory_;  // what is not in the file yet
  std::uint64_t in_file_ = 0;
  int fd_ = -1;
};

}  // namespace pie

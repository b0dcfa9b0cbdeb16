// The one way in which bytes enter: files, pipes and memory, each opened once and never read twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "lib/base/bytes.h"

namespace pie {

// One input of bytes. A regular file is read where and when it is asked for, so it may be larger
// than memory. Anything else, a pipe, a FIFO or stdin, can be read only once: it is read as far as
// the questions need, and held. Copies share what is held. Safe to use from several threads.
//
// Whatever reads throws OperationError if the input cannot be read, is a folder, or is another file
// than at the first question; UsageError if it is stdin and stdin is a terminal. Messages start
// with the name.
class Input {
 public:
  // The file at `path`; "-" is stdin. Opens nothing yet.
  explicit Input(const std::string& path);
  // Bytes in memory, which must outlive the input; `name` is for messages.
  explicit Input(ByteSpan bytes, const std::string& name = "");

  const std::string& path() const;  // as it was given
  std::string name() const;         // the path, or "stdin"

  // Whether there is such a file, and whether it is a folder. Neither opens nor throws.
  bool exists() const;
  bool is_folder() const;
  // Whether parts can be read without holding the whole.
  bool is_regular_file() const;

  std::uint64_t size() const;
  // The bytes from `offset` on, `count` of them, or as many as there are.
  Bytes read(std::uint64_t offset, std::uint64_t count) const;
  Bytes beginning(std::uint64_t count) const { return read(0, count); }
  // Everything. Also throws DamagedError if that is more than `max_bytes`.
  Bytes all(std::uint64_t max_bytes = std::numeric_limits<std::uint64_t>::max()) const;

 private:
  class Descriptor;
  struct State;
  std::shared_ptr<State> state_;
};

// All bytes of `path` ("-" is stdin); throws like Input::all.
Bytes read_file(const std::string& path,
                std::uint64_t max_bytes = std::numeric_limits<std::uint64_t>::max());

}  // namespace pie

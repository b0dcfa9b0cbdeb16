// The .pie code file: frames one after the other. FORMAT.md beside this file specifies every byte.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/input.h"
#include "lib/container/stored_frame.h"

namespace pie {

// Bytes that readers skip, to be put between frames; `kind` is 0 to 15. Throws UsageError if `data`
// does not fit.
Bytes write_skippable_frame(int kind, const Bytes& data);

// Totals of a file. Bytes are as declared by the headers, skippable frames apart.
struct FileSummary {
  std::uint64_t images = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t overhead_bytes = 0;
};

// A whole file: frames, and skippable frames between them. Only the last frame can be truncated.
class CodeFile {
 public:
  // Reads all headers. Throws
  //   DamagedError      no PIE file, a wrong header CRC, impossible fields, junk behind a frame;
  //   TruncatedError    the first header is cut;
  //   UnsupportedError  intact, but of a newer version, or above `limits`;
  // and what reading throws.
  explicit CodeFile(const Input& file, const Limits& limits = {});
  // A file in memory, which must outlive this.
  explicit CodeFile(const Bytes& bytes, const Limits& limits = {})
      : CodeFile(Input(ByteSpan{bytes.data(), bytes.size()}), limits) {}
  explicit CodeFile(Bytes&&, const Limits& = {}) = delete;

  const std::vector<StoredFrame>& frames() const { return frames_; }
  FileSummary summary() const;
  std::uint64_t bytes() const { return bytes_; }  // of the file

  // The file ends inside a frame, or inside the header of a further one.
  bool truncated() const;

  // Throws TruncatedError if the file is; see StoredFrame::require_layers for `layers`.
  void require_layers(int layers = -1) const;

  // Checks every CRC and length, as `pie-decode -t` does. Throws DamagedError, TruncatedError or
  // UnsupportedError.
  void check() const;

 private:
  std::vector<StoredFrame> frames_;
  std::uint64_t bytes_ = 0;  // of the file
  std::string cut_header_;   // what is wrong where the file ends inside a later header
};

// Whether the input begins like a code file. Throws what reading throws.
bool is_code_file(const Input& file);

struct Breakpoint {
  std::string layer;
  std::uint64_t offset;  // a file cut here has this layer and all coarser ones
};

// One for each whole layer, coarse to fine.
std::vector<Breakpoint> breakpoints(const StoredFrame& frame);

}  // namespace pie

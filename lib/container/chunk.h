// Extra data behind the layers of a frame, in the manner of PNG (FORMAT.md, 9).
#pragma once

#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

namespace pie {

struct Chunk {
  std::string type;  // four ASCII letters
  Bytes data;

  // A lower-case first letter says that a reader who does not know the type may skip it.
  bool may_be_skipped() const { return type[0] >= 'a'; }
};

// The type of the chunk with the samples that no layer holds (FORMAT.md, 9.1).
inline constexpr const char* kExtraSamples = "SAMP";

// One after the other, each with its checksum. Throws UsageError for a type that is not four
// letters.
Bytes write_chunks(const std::vector<Chunk>& chunks);

// What `bytes` holds. `whole`: they were not cut. Throws UnsupportedError for a chunk that must not
// be skipped and that this version does not know. Damage: with `warnings`, what cannot be read is
// left out and described there in one line each, unless it must not be skipped; without,
// DamagedError or TruncatedError. `offset` of the bytes in the file is for messages.
std::vector<Chunk> read_chunks(ByteSpan bytes, std::uint64_t offset, bool whole,
                               std::vector<std::string>* warnings);

}  // namespace pie

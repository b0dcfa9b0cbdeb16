// Decompression of gzip data in memory, for data sets that are distributed as .gz files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/base/file.h"

namespace pie {

// True if the bytes begin like a gzip file.
bool is_gzip(const std::uint8_t* data, std::size_t size);

// The first `count` decompressed bytes, or fewer if there are no more or the data is damaged
// further on: for looking at a header. Never throws.
Bytes gunzip_prefix(const std::uint8_t* data, std::size_t size, std::size_t count);

// Decompresses all members of a gzip file, checking their checksums. Memory grows with what is
// really there. Throws TruncatedError if the data ends early, DamagedError if it is corrupt, is
// followed by something else, or holds more than `max_bytes`. `name` names the file in messages.
Bytes gunzip(const std::uint8_t* data, std::size_t size, const std::string& name,
             std::uint64_t max_bytes);

}  // namespace pie

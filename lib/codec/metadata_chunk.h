// The metadata of an image in a chunk of its frame (FORMAT.md, 9.2).
#pragma once

#include <vector>

#include "lib/container/chunk.h"
#include "lib/image/metadata.h"

namespace pie {

Chunk metadata_chunk(const Metadata& metadata);

// What the chunk among `chunks` holds; nothing if there is none. Throws DamagedError.
Metadata metadata_in(const std::vector<Chunk>& chunks);

}  // namespace pie

// The metadata of an image in a chunk of its frame (FORMAT.md, 9.2).
#pragma once

#include <cstddef>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/container/chunk.h"
#include "lib/image/metadata.h"

namespace pie {

Chunk metadata_chunk(const Metadata& metadata);

// What the chunk among `chunks` holds; nothing if there is none. Throws DamagedError.
Metadata metadata_in(const std::vector<Chunk>& chunks);

// The items as bytes, and all that `reader` has. `kept` counts their bytes on, up to kMostMetadata;
// throws DamagedError above.
Bytes write_metadata(const Metadata& metadata);
Metadata read_metadata(ByteReader& reader, std::size_t* kept);

}  // namespace pie

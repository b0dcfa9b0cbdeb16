#include "lib/container/metadata_chunk.h"

#include <cstdint>
#include <utility>

#include "lib/base/error.h"
#include "lib/coding/coded_block.h"
#include "lib/coding/layer_coder.h"

namespace pie {
namespace {

constexpr const char* kMetadata = "meta";

}  // namespace

Bytes write_metadata(const Metadata& metadata) {
  ByteWriter content;
  for (const auto& item : metadata) {
    content.raw(item.type.data(), item.type.size());
    content.varint(item.data.size());
    content.raw(item.data);
  }
  return content.take();
}

Metadata read_metadata(ByteReader& reader, std::size_t* kept) {
  Metadata metadata;
  while (!reader.at_end()) {
    const auto type = reader.raw(4);
    const auto data = reader.raw(static_cast<std::size_t>(reader.varint()));
    metadata.push_back(
        {std::string(type.data, type.data + type.size), Bytes(data.data, data.data + data.size)});
    *kept += metadata_bytes(metadata.back());
    if (!is_metadata_type(metadata.back().type) || *kept > kMostMetadata) {
      throw DamagedError("its metadata has a chunk that no encoder writes");
    }
  }
  return metadata;
}

Chunk metadata_chunk(const Metadata& metadata) {
  const auto content = write_metadata(metadata);
  ByteWriter data;
  data.varint(content.size());
  data.raw(pack_bytes(content));
  return {kMetadata, data.take()};
}

Metadata metadata_in(const std::vector<Chunk>& chunks) {
  Metadata metadata;
  bool found = false;
  for (const auto& chunk : chunks) {
    if (chunk.type != kMetadata) continue;
    if (std::exchange(found, true)) throw DamagedError("it has metadata twice");
    ByteReader reader(chunk.data.data(), chunk.data.size());
    const uint64_t size = reader.varint();
    if (size > kMostMetadata) throw DamagedError("its metadata is impossibly long");
    const auto content = unpack_bytes(reader.raw(reader.remaining()), static_cast<size_t>(size));
    ByteReader items(content.data(), content.size());
    std::size_t kept = 0;
    metadata = read_metadata(items, &kept);
  }
  return metadata;
}

}  // namespace pie

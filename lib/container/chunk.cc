#include "lib/container/chunk.h"

#include <algorithm>
#include <utility>

#include "lib/base/checksum.h"
#include "lib/container/frame_fields.h"

namespace pie {
namespace {

bool is_chunk_type(const std::string& type) {
  return type.size() == 4 && std::all_of(type.begin(), type.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
         });
}

// The next chunk. Throws TruncatedError where it is not all there, and sets `wrong` where it is,
// but damaged.
Chunk next_chunk(ByteReader& reader, std::string* wrong) {
  const std::size_t first = reader.position();
  const ByteSpan type = reader.raw(4);
  const ByteSpan data = reader.raw(reader.varint());
  const std::size_t covered = reader.position() - first;
  const bool intact = reader.u32() == crc32(type.data, covered);
  Chunk chunk{std::string(type.data, type.data + type.size),
              Bytes(data.data, data.data + data.size)};
  if (!intact) {
    *wrong = "checksum differs";
  } else if (!is_chunk_type(chunk.type)) {
    *wrong = "impossible chunk type";
  }
  return chunk;
}

}  // namespace

Bytes write_chunks(const std::vector<Chunk>& chunks) {
  ByteWriter all;
  for (const Chunk& chunk : chunks) {
    if (!is_chunk_type(chunk.type)) {
      throw UsageError("chunk type \"" + chunk.type + "\" is not four letters");
    }
    ByteWriter one;
    one.raw(chunk.type.data(), chunk.type.size());
    one.varint(chunk.data.size());
    one.raw(chunk.data);
    one.u32(crc32(one.bytes().data(), one.size()));
    all.raw(one.bytes());
  }
  return all.take();
}

std::vector<Chunk> read_chunks(ByteSpan bytes, std::uint64_t offset, bool whole,
                               std::vector<std::string>* warnings) {
  ByteReader reader(bytes);
  std::vector<Chunk> chunks;
  while (!reader.at_end()) {
    const std::string place = damaged_at(offset + reader.position()) + " (metadata): ";
    std::string wrong;
    Chunk chunk;
    try {
      chunk = next_chunk(reader, &wrong);
    } catch (const DamagedError& error) {
      // In a whole frame the lengths contradict each other, which is damage.
      if (warnings == nullptr && whole) throw DamagedError(place + error.what());
      if (warnings == nullptr) throw TruncatedError("truncated in the metadata");
      warnings->push_back(whole ? place + error.what() : "truncated in the metadata");
      return chunks;
    }
    const bool needed = is_chunk_type(chunk.type) && !chunk.may_be_skipped();
    if (!wrong.empty()) {
      if (warnings == nullptr || needed) throw DamagedError(place + wrong);
      warnings->push_back(place + wrong);
      continue;
    }
    if (needed && chunk.type != kExtraSamples) {
      throw UnsupportedError("needs a newer pie: unknown metadata chunk " + chunk.type);
    }
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

}  // namespace pie

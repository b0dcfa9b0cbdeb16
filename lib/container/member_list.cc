#include "lib/container/member_list.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/coding/coded_block.h"
#include "lib/coding/layer_coder.h"

namespace pie {
namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 26;  // before packing
constexpr uint64_t kMostNanoseconds = 999999999;
constexpr uint64_t kMostMode = 0777;

Bytes write_metadata(const Metadata& metadata) {
  ByteWriter content;
  for (const auto& item : metadata) {
    content.raw(item.type.data(), item.type.size());
    content.varint(item.data.size());
    content.raw(item.data);
  }
  return content.take();
}

Metadata read_metadata(ByteReader& reader, size_t* kept) {
  Metadata metadata;
  while (!reader.at_end()) {
    const auto type = reader.raw(4);
    const auto data = reader.raw(static_cast<size_t>(reader.varint()));
    metadata.push_back(
        {std::string(type.data, type.data + type.size), Bytes(data.data, data.data + data.size)});
    *kept += metadata_bytes(metadata.back());
    if (!is_metadata_type(metadata.back().type) || *kept > kMostMetadata) {
      throw DamagedError("its metadata has a chunk that no encoder writes");
    }
  }
  return metadata;
}

Member read_member(ByteReader& reader, size_t* metadata_kept) {
  Member member;
  const auto name = reader.raw(static_cast<size_t>(reader.varint()));
  member.name.assign(name.data, name.data + name.size);
  if (!member.name.empty() && !is_member_name(member.name)) {
    throw DamagedError("a file in it has an impossible name");
  }
  if (const uint64_t mode = reader.varint(); mode > 0) {
    const uint64_t zigzag = reader.varint(), nanoseconds = reader.varint();
    if (mode > kMostMode + 1 || nanoseconds > kMostNanoseconds) {
      throw DamagedError("a file in it has an impossible time or mode");
    }
    const auto seconds = static_cast<int64_t>(zigzag >> 1) ^ -static_cast<int64_t>(zigzag & 1);
    member.status =
        FileStatus{static_cast<unsigned>(mode - 1), seconds, static_cast<int64_t>(nanoseconds)};
  }
  const auto items = reader.raw(static_cast<size_t>(reader.varint()));
  ByteReader item_reader(items.data, items.size);
  member.metadata = read_metadata(item_reader, metadata_kept);
  return member;
}

std::vector<Member> members_in(const std::vector<Chunk>& chunks, uint64_t images) {
  std::vector<Member> members;
  for (const auto& chunk : chunks) {
    if (chunk.type != kMembers) continue;
    if (!members.empty()) throw DamagedError("it has a list of files twice");
    ByteReader reader(chunk.data.data(), chunk.data.size());
    const uint64_t size = reader.varint();
    constexpr uint64_t kMostOfOne = 8192, kLeastOfOne = 3;  // beside metadata
    if (size > std::min(kMostBytes, kMostMetadata + images * kMostOfOne) ||
        size / kLeastOfOne < images) {
      throw DamagedError("its list of files is not one of its images");
    }
    const auto content = unpack_bytes(reader.raw(reader.remaining()), static_cast<size_t>(size));
    ByteReader list(content.data(), content.size());
    size_t metadata_kept = 0;
    while (!list.at_end() && members.size() < images) {
      members.push_back(read_member(list, &metadata_kept));
    }
    if (members.size() != images || !list.at_end()) {
      throw DamagedError("its list of files is not one of its images");
    }
  }
  return members;
}

}  // namespace

bool is_member_name(const std::string& name) {
  constexpr size_t kLongest = 4095;
  constexpr unsigned char kFirstPrintable = 0x20, kDelete = 0x7F;
  if (name.empty() || name.size() > kLongest || name.back() == '/') return false;
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) >= kFirstPrintable && c != kDelete;
  });
  const auto parts = parts_of(name, '/');
  return printable && std::none_of(parts.begin(), parts.end(), [](const std::string& part) {
           return part.empty() || part == "." || part == "..";
         });
}

Chunk member_chunk(const std::vector<Member>& members) {
  ByteWriter content;
  for (const auto& member : members) {
    content.varint(member.name.size());
    content.raw(member.name.data(), member.name.size());
    content.varint(member.status ? member.status->mode + 1 : 0);
    if (member.status) {
      const auto seconds = static_cast<uint64_t>(member.status->seconds);
      content.varint((seconds << 1) ^ (member.status->seconds < 0 ? ~uint64_t{0} : 0));
      content.varint(static_cast<uint64_t>(member.status->nanoseconds));
    }
    const auto items = write_metadata(member.metadata);
    content.varint(items.size());
    content.raw(items);
  }
  if (content.size() > kMostBytes) {
    throw UsageError(
        "the names and metadata of its files are more than an archive can keep; make several");
  }
  ByteWriter data;
  data.varint(content.size());
  data.raw(pack_bytes(content.bytes()));
  return {kMembers, data.take()};
}

std::vector<Member> stored_members(const StoredFrame& frame, std::vector<std::string>* warnings) {
  try {
    std::vector<std::string> of_chunks;  // whoever decodes has these
    return members_in(frame.chunks(&of_chunks), frame.header().images);
  } catch (const DamagedError& error) {
    warnings->emplace_back(error.what());
    return {};
  }
}

}  // namespace pie

// What is known of the files that the images of a frame came from, in a chunk of the frame
// (FORMAT.md, 9.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/file.h"
#include "lib/container/chunk.h"
#include "lib/container/stored_frame.h"
#include "lib/image/metadata.h"

namespace pie {

// The type of the chunk that holds them.
inline constexpr const char* kMembers = "file";

struct Member {
  bool tells_nothing() const { return name.empty() && !status && metadata.empty(); }

  std::string name;  // relative, with '/' between folders; empty if none is known
  std::optional<FileStatus> status;
  Metadata metadata;
};

// Whether an archive may ask for a file of this name to be written below a folder: relative, no
// "..", no control characters, at most 4095 bytes.
bool is_member_name(const std::string& name);

// Of the images of a frame, in order. Throws UsageError if that is more than a reader would take.
Chunk member_chunk(const std::vector<Member>& members);

// A member for each image of the frame; none at all where nothing is known. What cannot be read is
// left out, with a warning of one line.
std::vector<Member> stored_members(const StoredFrame& frame, std::vector<std::string>* warnings);

}  // namespace pie

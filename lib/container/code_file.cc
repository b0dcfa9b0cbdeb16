#include "lib/container/code_file.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::uint32_t kSkippableMagic = 0x184D2A50;  // and the 15 that follow, as in zstd

// Whether at most four bytes, of which the last may be missing at the end of a file, begin a frame.
bool begins_frame(const Bytes& start) {
  return !start.empty() && std::equal(start.begin(), start.end(), kFrameMagic.begin());
}

bool begins_skippable_frame(const Bytes& start) {
  ByteWriter magic;
  magic.u32(kSkippableMagic | (start.empty() ? 0U : start[0] & 0x0FU));
  return !start.empty() && std::equal(start.begin(), start.end(), magic.bytes().begin());
}

// The end of the skippable frame at `offset`, and of those behind it that begin in the same piece
// of the file: there may be very many small ones.
std::uint64_t behind_skippable_frames(const Input& file, std::uint64_t offset,
                                      std::uint64_t bytes) {
  constexpr std::uint64_t kPiece = 1 << 16, kHeader = 8;
  const Bytes piece = file.read(offset, kPiece);
  std::uint64_t end = 0;
  while (end + kHeader <= piece.size()) {
    const auto* header = piece.data() + end;
    if (!begins_skippable_frame(Bytes(header, header + 4))) break;
    const std::uint64_t next = end + kHeader + ByteReader(header + 4, 4).u32();
    if (offset + next > bytes) break;
    end = next;
  }
  if (end == 0) throw TruncatedError("a skippable frame ends early");
  return offset + end;
}

}  // namespace

Bytes write_skippable_frame(int kind, const Bytes& data) {
  if (kind < 0 || kind > 15 || data.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw UsageError("a skippable frame is of kind 0 to 15 and shorter than 4 GiB");
  }
  ByteWriter out;
  out.u32(kSkippableMagic + static_cast<std::uint32_t>(kind));
  out.u32(static_cast<std::uint32_t>(data.size()));
  out.raw(data);
  return out.take();
}

bool is_code_file(const Input& file) {
  const Bytes start = file.beginning(4);
  return start.size() == 4 && (begins_frame(start) || begins_skippable_frame(start));
}

CodeFile::CodeFile(const Input& file, const Limits& limits) {
  // A stream that is none is not read to its end.
  if (file.beginning(4).size() == 4 && !is_code_file(file)) {
    throw DamagedError("not a PIE code file");
  }
  bytes_ = file.size();
  std::uint64_t offset = 0;
  while (offset < bytes_ || offset == 0) {
    const Bytes next = file.read(offset, 4);
    try {
      if (begins_frame(next)) {
        frames_.push_back(StoredFrame::parse(file, offset, limits));
        offset += frames_.back().size();
        if (frames_.back().truncated()) return;
      } else if (begins_skippable_frame(next)) {
        offset = behind_skippable_frames(file, offset, bytes_);
      } else if (offset == 0) {
        throw DamagedError("not a PIE code file");
      } else {
        throw DamagedError("damaged at byte " + std::to_string(offset) + ": not a frame");
      }
    } catch (const TruncatedError&) {
      cut_header_ = "truncated at byte " + std::to_string(bytes_) + ", inside the frame at byte " +
                    std::to_string(offset);
      if (frames_.empty()) throw TruncatedError(cut_header_);
      return;
    }
  }
  if (frames_.empty()) throw DamagedError("not a PIE code file: holds only skippable frames");
}

FileSummary CodeFile::summary() const {
  FileSummary all;
  for (const StoredFrame& frame : frames_) {
    all.images += frame.header().images;
    all.payload_bytes += frame.payload_bytes();
    all.overhead_bytes += frame.overhead_bytes();
  }
  return all;
}

bool CodeFile::truncated() const { return !cut_header_.empty() || frames_.back().truncated(); }

void CodeFile::require_layers(int layers) const {
  for (const StoredFrame& frame : frames_) frame.require_layers(layers);
  if (!cut_header_.empty()) {
    throw TruncatedError(cut_header_ + "; " + std::to_string(frames_.size()) +
                         (frames_.size() == 1 ? " frame is whole" : " frames are whole"));
  }
}

void CodeFile::check() const {
  for (const StoredFrame& frame : frames_) {
    for (int layer = 0; layer < frame.whole_layers(); ++layer) {
      for (std::uint64_t block = 0; block < frame.blocks(); ++block) frame.block(layer, block);
    }
    frame.chunks();
  }
  require_layers();
}

// -------------------------------------------------------------------------------------------
// Cutting

std::vector<Breakpoint> breakpoints(const StoredFrame& frame) {
  std::vector<Breakpoint> points;
  std::uint64_t payload_end = frame.offset() + frame.overhead_bytes();
  for (int layer = 0; layer < frame.whole_layers(); ++layer) {
    payload_end += frame.layer_bytes(layer);
    points.push_back({frame.layer_name(layer), payload_end});
  }
  return points;
}

}  // namespace pie

#include "lib/container/rewrite.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <tuple>
#include <utility>

#include "lib/base/error.h"
#include "lib/container/frame_writer.h"
#include "lib/container/member_list.h"

namespace pie {
namespace {

void copy_blocks(const StoredFrame& frame, int layers, FrameWriter& writer) {
  for (std::uint64_t b = 0; b < frame.blocks(); ++b) {
    std::vector<CodedBlock> block;
    block.reserve(static_cast<std::size_t>(layers));
    for (int layer = 0; layer < layers; ++layer) block.push_back(frame.block(layer, b));
    writer.add(block);
  }
}

// A frame, and what is known of its files.
struct Piece {
  explicit Piece(const StoredFrame& of) : frame(of) {
    const auto chunks = frame.chunks();
    std::vector<std::string> faults;
    members = stored_members(frame, &faults);
    for (const Member& member : members) {
      for (const MetadataItem& item : member.metadata) metadata += metadata_bytes(item);
    }
    is_plain = faults.empty() && std::all_of(chunks.begin(), chunks.end(), [](const Chunk& chunk) {
                 return chunk.type == kMembers;
               });
  }

  const StoredFrame& frame;
  std::vector<Member> members;
  std::size_t metadata = 0;  // bytes
  bool is_plain;             // nothing but blocks, and members that can be read
};

// Whether two frames hold images of one kind, coded in one way.
bool are_alike(const FrameHeader& a, const FrameHeader& b) {
  const auto fields = [](const FrameHeader& h) {
    return std::tie(h.fingerprint, h.width, h.height, h.tile_width, h.tile_height, h.channels,
                    h.sample_bits, h.step, h.total_layers);
  };
  return fields(a) == fields(b) && a.lossless() == b.lossless();
}

// Sizes of blocks, and of groups of images, are powers of two up to this, so that many images are
// whole ones.
static_assert((kItemsPerBlock & (kItemsPerBlock - 1)) == 0);

// Whether the images of `next` may follow those of `part` in one frame, as if they had been encoded
// together.
bool continues(const Piece& part, const Piece& next) {
  const FrameHeader &a = part.frame.header(), &b = next.frame.header();
  return a.archive && b.archive && a.images % kItemsPerBlock == 0 && are_alike(a, b) &&
         part.frame.layers() == next.frame.layers() && part.is_plain && next.is_plain;
}

void write_as_one(std::vector<Piece>::const_iterator first, std::vector<Piece>::const_iterator last,
                  const Sink& sink) {
  FrameHeader header = first->frame.header();
  header.images = 0;
  header.pixel_hashes.clear();
  std::vector<Member> members;
  for (auto part = first; part != last; ++part) {
    const FrameHeader& own = part->frame.header();
    if (!part->members.empty()) {
      members.resize(header.images);  // those before may have none
      members.insert(members.end(), part->members.begin(), part->members.end());
    }
    header.images += own.images;
    header.pixel_hashes.insert(header.pixel_hashes.end(), own.pixel_hashes.begin(),
                               own.pixel_hashes.end());
  }
  FrameWriter writer(header, first->frame.layers());
  for (auto part = first; part != last; ++part) {
    copy_blocks(part->frame, part->frame.layers(), writer);
  }
  if (std::next(first) == last) {
    for (Chunk& chunk : first->frame.chunks()) writer.add(std::move(chunk));
  } else if (!members.empty()) {
    members.resize(header.images);
    writer.add(member_chunk(members));
  }
  writer.write(sink);
}

}  // namespace

void cut_layers(const StoredFrame& frame, int layers, const Sink& sink) {
  if (layers < 1) throw UsageError("cannot keep fewer than 1 layer");
  frame.require_layers(layers);
  FrameHeader header = frame.header();
  if (layers < header.total_layers) header.pixel_hashes.clear();
  FrameWriter writer(header, layers);
  copy_blocks(frame, layers, writer);
  // Damage is not copied under a fresh checksum; what a cut has taken away is gone.
  std::vector<std::string> missing;
  for (Chunk& chunk : frame.chunks(frame.truncated() ? &missing : nullptr)) {
    writer.add(std::move(chunk));
  }
  writer.write(sink);
}

void join_frames(const std::vector<StoredFrame>& frames, const Sink& sink) {
  for (const auto& frame : frames) frame.require_layers();
  const std::vector<Piece> parts(frames.begin(), frames.end());
  for (auto first = parts.begin(); first != parts.end();) {
    auto last = std::next(first);
    std::size_t metadata = first->metadata;
    for (; last != parts.end() && continues(*std::prev(last), *last); ++last) {
      metadata += last->metadata;
      if (metadata > kMostMetadata) break;
    }
    write_as_one(first, last, sink);
    first = last;
  }
}

}  // namespace pie

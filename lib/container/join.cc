#include "lib/container/join.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <tuple>
#include <utility>

#include "lib/container/frame_writer.h"
#include "lib/container/member_list.h"

namespace pie {
namespace {

// Whether a frame holds nothing but blocks and what is known of its files.
bool is_plain(const StoredFrame& frame) {
  const auto chunks = frame.chunks();
  return std::all_of(chunks.begin(), chunks.end(),
                     [](const Chunk& chunk) { return chunk.type == kMembers; });
}

// Whether two frames hold images of one kind, coded in one way.
bool are_alike(const FrameHeader& a, const FrameHeader& b) {
  const auto fields = [](const FrameHeader& h) {
    return std::tie(h.fingerprint, h.width, h.height, h.tile_width, h.tile_height, h.channels,
                    h.sample_bits, h.step, h.total_layers);
  };
  return fields(a) == fields(b) && a.lossless() == b.lossless();
}

// Whether the images of `next` may follow those of `frame` in one frame, as if they had been
// encoded together.
bool continues(const StoredFrame& frame, const StoredFrame& next) {
  const FrameHeader &a = frame.header(), &b = next.header();
  // Sizes of blocks and of groups of images are powers of two up to this.
  return a.archive && b.archive && a.images % kItemsPerBlock == 0 && are_alike(a, b) &&
         frame.layers() == next.layers() && is_plain(frame) && is_plain(next);
}

using Frames = std::vector<StoredFrame>::const_iterator;

void write_as_one(Frames first, Frames last, const Sink& sink) {
  FrameHeader header = first->header();
  header.images = 0;
  header.pixel_hashes.clear();
  std::vector<Member> members;
  for (auto frame = first; frame != last; ++frame) {
    const FrameHeader& part = frame->header();
    std::vector<std::string> faults;  // none: is_plain has read them
    auto of_part = stored_members(*frame, &faults);
    if (!of_part.empty()) {
      members.resize(header.images);  // those before may have none
      members.insert(members.end(), std::make_move_iterator(of_part.begin()),
                     std::make_move_iterator(of_part.end()));
    }
    header.images += part.images;
    header.pixel_hashes.insert(header.pixel_hashes.end(), part.pixel_hashes.begin(),
                               part.pixel_hashes.end());
  }
  FrameWriter writer(header, first->layers());
  for (auto frame = first; frame != last; ++frame) {
    for (std::uint64_t b = 0; b < frame->blocks(); ++b) {
      std::vector<CodedBlock> block;
      for (int layer = 0; layer < frame->layers(); ++layer) {
        block.push_back(frame->block(layer, b));
      }
      writer.add(block);
    }
  }
  if (std::next(first) == last) {
    for (Chunk& chunk : first->chunks()) writer.add(std::move(chunk));
  } else if (!members.empty()) {
    members.resize(header.images);
    writer.add(member_chunk(members));
  }
  writer.write(sink);
}

}  // namespace

void join_frames(const std::vector<StoredFrame>& frames, const Sink& sink) {
  for (const auto& frame : frames) frame.require_layers();
  for (auto first = frames.begin(); first != frames.end();) {
    auto last = std::next(first);
    while (last != frames.end() && continues(*std::prev(last), *last)) ++last;
    write_as_one(first, last, sink);
    first = last;
  }
}

}  // namespace pie

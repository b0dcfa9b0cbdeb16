// Frames as bytes: blocks come one after the other, and the frame is written when all are there.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/spool.h"
#include "lib/coding/coded_block.h"
#include "lib/container/chunk.h"
#include "lib/container/frame_header.h"

namespace pie {

// Collects the blocks of one frame. Memory grows by the table's entries only.
class FrameWriter {
 public:
  // `layers`: how many of header.total_layers will be stored. Throws UsageError if the fields
  // contradict each other.
  FrameWriter(const FrameHeader& header, int layers);

  // The next block: what each layer has of the next items, coarse to fine. Throws UsageError if
  // there are not as many layers.
  void add(const std::vector<CodedBlock>& block);
  // The XXH3-64 of the next group of images; without any the frame is not lossless.
  void add_pixel_hash(std::uint64_t hash) { header_.pixel_hashes.push_back(hash); }
  void add(Chunk chunk) { chunks_.push_back(std::move(chunk)); }

  // Hands over the bytes of the frame. Throws UsageError unless all blocks are there, and if
  // lossless all hashes.
  void write(const Sink& sink) const;

  const FrameHeader& header() const { return header_; }
  // Of the blocks of a layer so far.
  std::uint64_t payload_bytes(int layer) const;

 private:
  struct Entry {
    BlockMode mode;
    std::uint64_t size;
    std::uint32_t crc;
    std::uint64_t symbol_hash;
  };
  struct Layer {
    std::vector<Entry> entries;
    Spool payload;
  };

  void require_complete() const;
  Bytes fields(const Bytes& metadata) const;

  FrameHeader header_;
  std::vector<Layer> layers_;  // coarse to fine
  std::vector<Chunk> chunks_;
};

}  // namespace pie

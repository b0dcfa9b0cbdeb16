// One frame of a code file as it is stored: coded layers, coarse to fine, their checks, and what is
// left of them after a cut (FORMAT.md). Nothing here needs a model: the codec adds the meaning of
// the symbols.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/input.h"
#include "lib/coding/coded_block.h"
#include "lib/container/chunk.h"
#include "lib/container/frame_header.h"

namespace pie {

// One frame of a file. The header and the layer table have been checked; the bytes of the blocks
// are read, and checked, when they are asked for.
class StoredFrame {
 public:
  // Reads the header of the frame at `offset`, where kFrameMagic is. Throws
  //   DamagedError      a wrong CRC or impossible fields;
  //   TruncatedError    the header is cut;
  //   UnsupportedError  intact, but of a newer version, or above `limits`.
  static StoredFrame parse(const Input& file, std::uint64_t offset, const Limits& limits);

  const FrameHeader& header() const { return header_; }
  // Stored ones; header().total_layers is what the model has.
  int layers() const { return static_cast<int>(layers_.size()); }
  std::uint64_t blocks() const { return header_.blocks(); }
  std::string layer_name(int layer) const { return pie::layer_name(layer, header_.total_layers); }
  bool cut() const { return layers() < header_.total_layers; }  // on purpose, by cut_layers

  std::uint64_t offset() const { return offset_; }  // in the file
  std::uint64_t size() const { return size_; }      // as declared; more than present if truncated
  std::uint64_t layer_bytes(int layer) const;       // of payload
  std::uint64_t payload_bytes() const;
  // What the frame costs beyond payload and metadata.
  std::uint64_t overhead_bytes() const { return size_ - payload_bytes() - metadata_bytes_; }

  // How many layers, from the coarsest, are present to their last byte.
  int whole_layers() const { return whole_layers_; }
  bool truncated() const { return truncated_; }

  // Throws TruncatedError, which names the whole layers, unless the first `layers` layers are
  // whole (all layers and the metadata if negative). Throws UsageError if the frame was
  // never written with so many layers.
  void require_layers(int layers = -1) const;

  BlockMode mode(int layer, std::uint64_t block) const { return entry(layer, block).mode; }

  // A block as it was given to `write_frame`, of whose symbols' hash only what the frame keeps.
  // Throws DamagedError if the CRC-32 of its bytes is wrong, TruncatedError if they are not all
  // there, UsageError if there is no such block.
  CodedBlock block(int layer, std::uint64_t block) const;

  // Throws VerificationError unless the symbols of a block are those that were encoded.
  void verify_symbols(int layer, std::uint64_t block,
                      const std::vector<std::int32_t>& symbols) const;
  void verify_symbols(int layer, std::uint64_t block, std::uint64_t hash) const;

  // What to throw where a block has the right CRC and still raised `error` when it was decoded.
  VerificationError disagreement(int layer, std::uint64_t block, const DamagedError& error) const;

  // Throws VerificationError unless `hash` is the XXH3-64 of the group's pixels; does nothing for a
  // frame that is not lossless.
  void verify_pixels(std::uint64_t group, std::uint64_t hash) const;

  // The metadata that is present. Throws UnsupportedError for a chunk that must not be skipped
  // (this version knows kExtraSamples). Damage: with `warnings`, what cannot be read is left out
  // and described there in one line each; without, DamagedError or TruncatedError.
  std::vector<Chunk> chunks(std::vector<std::string>* warnings = nullptr) const;

 private:
  friend class FrameParser;

  StoredFrame(Input file, std::uint64_t offset) : file_(std::move(file)), offset_(offset) {}

  struct Entry {
    BlockMode mode;
    std::uint64_t offset;  // in the file
    std::uint64_t size;
    std::uint32_t crc;
    std::uint32_t symbol_hash;  // as many of its low bits as the header keeps
  };

  const Entry& entry(int layer, std::uint64_t block) const;
  std::string place(int layer, std::uint64_t block) const;
  std::string whole_layer_names() const;

  Input file_;
  FrameHeader header_;
  std::vector<std::vector<Entry>> layers_;
  std::uint64_t offset_ = 0;
  std::uint64_t metadata_offset_ = 0;
  std::uint64_t metadata_bytes_ = 0;
  std::uint64_t size_ = 0;
  int whole_layers_ = 0;
  bool truncated_ = false;
};

}  // namespace pie

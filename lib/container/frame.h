// One frame of a code file: coded layers, coarse to fine, their checks, and what is left of them
// after a cut (FORMAT.md). Nothing here needs a model: the codec adds the meaning of the symbols.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/container/frame_header.h"
#include "lib/container/layer_coder.h"

namespace pie {

inline constexpr std::array<std::uint8_t, 4> kFrameMagic = {0x89, 'P', 'I', 'E'};

// Extra data behind the layers, in the manner of PNG: a lower-case first letter says that a reader
// who does not know the type may skip it. FORMAT.md lists the types.
struct Chunk {
  std::string type;  // four ASCII letters
  Bytes data;

  bool may_be_skipped() const { return type[0] >= 'a'; }
};

// The type of the chunk with the samples that no layer holds (FORMAT.md, 9.1).
inline constexpr const char* kExtraSamples = "SAMP";

// A frame to be written.
struct Frame {
  FrameHeader header;
  std::vector<std::vector<CodedBlock>> layers;  // coarse to fine, each of header.blocks() blocks
  std::vector<Chunk> chunks;
};

// Codes one layer of a real-valued model, whose blocks have kItemsPerBlock items: `symbols` holds
// symbols_per_item integers for each item, item after item. Throws UsageError if it is not a whole
// number of items.
std::vector<CodedBlock> encode_layer(const std::vector<std::int32_t>& symbols,
                                     std::size_t symbols_per_item, const NormalSymbols& table);

// The bytes of the frame. Throws UsageError if the parts of `frame` contradict each other.
Bytes write_frame(const Frame& frame);

// One frame of a file in memory, which must outlive this. The header and the layer table have been
// checked; the bytes of the blocks are checked when they are asked for.
class StoredFrame {
 public:
  // Reads the header of the frame at `offset`, where kFrameMagic is. Throws
  //   DamagedError      a wrong CRC or impossible fields;
  //   TruncatedError    the header is cut;
  //   UnsupportedError  intact, but of a newer version, or above `limits`.
  static StoredFrame parse(ByteSpan file, std::uint64_t offset, const Limits& limits);

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
  std::uint64_t metadata_bytes() const { return metadata_bytes_; }
  // What the frame costs beyond payload and metadata.
  std::uint64_t overhead_bytes() const { return size_ - payload_bytes() - metadata_bytes_; }

  // How many layers, from the coarsest, are present to their last byte.
  int whole_layers() const { return whole_layers_; }
  bool truncated() const { return truncated_; }

  // Throws TruncatedError, which names the whole layers and the remedy, unless the first `layers`
  // layers are whole (all layers and the metadata if negative). Throws UsageError if the frame was
  // never written with so many layers.
  void require_layers(int layers = -1) const;

  BlockMode mode(int layer, std::uint64_t block) const { return entry(layer, block).mode; }

  // The bytes of a block. Throws DamagedError if their CRC-32 is wrong, TruncatedError if they are
  // not all there, UsageError if there is no such block.
  ByteSpan block(int layer, std::uint64_t block) const;

  // A block as it was given to `write_frame`. Throws as `block` does.
  CodedBlock coded_block(int layer, std::uint64_t block) const;

  // Throws VerificationError unless the symbols of a block are those that were encoded.
  void verify_symbols(int layer, std::uint64_t block, const std::int32_t* symbols,
                      std::size_t count) const;

  // What to throw where a block has the right CRC and still raised `error` when it was decoded.
  VerificationError disagreement(int layer, std::uint64_t block, const DamagedError& error) const;

  // Throws VerificationError unless `hash` is the XXH3-64 of the group's pixels; does nothing for a
  // frame that is not lossless.
  void verify_pixels(std::uint64_t group, std::uint64_t hash) const;

  // Decodes a block of a real-valued model and verifies it. `table` must have the header's step.
  // Throws as `block` and `verify_symbols` do, and UsageError where the steps differ.
  std::vector<std::int32_t> decode_block(int layer, std::uint64_t block,
                                         std::size_t symbols_per_item,
                                         const NormalSymbols& table) const;

  // The metadata that is present. Throws UnsupportedError for a chunk that must not be skipped
  // (this version knows kExtraSamples). Damage: with `warnings`, what cannot be read is left out
  // and described there in one line each; without, DamagedError or TruncatedError.
  std::vector<Chunk> chunks(std::vector<std::string>* warnings = nullptr) const;

 private:
  friend class FrameParser;

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

  FrameHeader header_;
  std::vector<std::vector<Entry>> layers_;
  ByteSpan file_;
  std::uint64_t offset_ = 0;
  std::uint64_t metadata_offset_ = 0;
  std::uint64_t metadata_bytes_ = 0;
  std::uint64_t size_ = 0;
  int whole_layers_ = 0;
  bool truncated_ = false;
};

}  // namespace pie

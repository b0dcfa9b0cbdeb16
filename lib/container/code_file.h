// The .pie code file: frames of coded layers, their checks, and what is left of them after a cut.
//
// FORMAT.md beside this file specifies every byte. Nothing here needs a model: the codec adds the
// meaning of the symbols.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/container/layer_coder.h"

namespace pie {

using Fingerprint = std::array<std::uint8_t, 8>;  // of the model: first bytes of a SHA-256

// An item is one input of the model: a tile, or a whole image where images are not tiled. A block
// holds the symbols that one layer has for at most this many items.
inline constexpr std::uint64_t kItemsPerBlock = 256;
inline constexpr int kMaxLayers = 64;
inline constexpr std::uint8_t kFormatVersion = 1;

// The largest images that are accepted, in pixels after padding to whole tiles. What is above
// raises UnsupportedError before anything of that size is allocated.
struct Limits {
  std::uint64_t pixels_per_image = std::uint64_t{1} << 28;
  std::uint64_t pixels_per_frame = std::uint64_t{1} << 32;
};

// What a frame says about its images and its model.
struct FrameHeader {
  Fingerprint fingerprint{};
  bool archive = false;  // a set of images, even if it holds one; otherwise `images` is 1
  std::uint64_t images = 1;
  std::uint32_t width = 0;  // of each image, in pixels
  std::uint32_t height = 0;
  std::uint32_t tile_width = 0;  // in pixels; both 0 where an image is one item
  std::uint32_t tile_height = 0;
  int channels = 1;        // 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA
  int sample_bits = 8;     // 8 or 16
  std::uint32_t step = 0;  // quantization step in sigma/1024; 0: integer model
  int total_layers = 0;    // of the model; a cut frame stores fewer

  // XXH3-64 of the pixels of each group of images (see `images_in_pixel_group`): samples in reading
  // order, channels interleaved, 16-bit samples little-endian. Empty where the frame is not
  // lossless.
  std::vector<std::uint64_t> pixel_hashes;

  bool tiled() const { return tile_width != 0; }
  bool lossless() const { return !pixel_hashes.empty(); }

  // Items go image by image, tiles of an image row by row.
  std::uint64_t tiles_per_image() const;
  std::uint64_t items() const { return images * tiles_per_image(); }
  // Of all blocks but the last, which may have fewer: kItemsPerBlock, or of an integer model as
  // many as have at most 2^18 samples, but at least one.
  std::uint64_t items_per_block() const;
  std::uint64_t blocks() const;  // of each layer
  std::uint64_t items_in_block(std::uint64_t block) const;

  // A group is max(1, items_per_block / tiles_per_image) images; only the last may have fewer.
  std::uint64_t images_per_pixel_group() const;
  std::uint64_t pixel_groups() const;
  std::uint64_t images_in_pixel_group(std::uint64_t group) const;
};

// "z" for layer 0, then "r_L", ..., "r_1" where the model has L + 1 layers.
std::string layer_name(int layer, int total_layers);

// Extra data behind the layers, in the manner of PNG: a lower-case first letter says that a reader
// who does not know the type may skip it. FORMAT.md lists the types in use.
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

// Codes one layer: `symbols` holds symbols_per_item integers for each item, item after item. Throws
// UsageError if it is not a whole number of items.
std::vector<CodedBlock> encode_layer(const std::vector<std::int32_t>& symbols,
                                     std::size_t symbols_per_item, const NormalSymbols& table);

// The bytes of the frame. Throws UsageError if the parts of `frame` contradict each other.
Bytes write_frame(const Frame& frame);

// Bytes that readers skip, to be put between frames; `kind` is 0 to 15. Throws UsageError if `data`
// does not fit.
Bytes write_skippable_frame(int kind, const Bytes& data);

// One frame of a file in memory, which must outlive this. The header and the layer table have been
// checked; the bytes of the blocks are checked when they are asked for.
class StoredFrame {
 public:
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
  friend class CodeFile;
  friend class FrameParser;
  friend Bytes cut_layers(const StoredFrame& frame, int layers);

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

// What `pie-decode -l` prints of a file. Bytes are as declared by the headers, skippable frames
// apart.
struct FileSummary {
  std::uint64_t frames = 0;
  std::uint64_t images = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t metadata_bytes = 0;
  std::uint64_t overhead_bytes = 0;
  int whole_layers = 0;   // of the frame with the fewest
  bool lossless = false;  // every frame is
  bool truncated = false;
};

// A whole file: frames, and skippable frames between them. Only the last frame can be truncated.
class CodeFile {
 public:
  // Reads all headers of `bytes`, which must outlive this. Throws
  //   DamagedError      no PIE file, a wrong header CRC, impossible fields, junk behind a frame;
  //   TruncatedError    the first header is cut;
  //   UnsupportedError  intact, but of a newer version, or above `limits`.
  explicit CodeFile(ByteSpan bytes, const Limits& limits = {});
  explicit CodeFile(const Bytes& bytes, const Limits& limits = {})
      : CodeFile(ByteSpan{bytes.data(), bytes.size()}, limits) {}
  explicit CodeFile(Bytes&&, const Limits& = {}) = delete;

  const std::vector<StoredFrame>& frames() const { return frames_; }
  FileSummary summary() const;

  // The file ends inside a frame, or inside the header of a further one.
  bool truncated() const;

  // Throws TruncatedError if the file is; see StoredFrame::require_layers for `layers`.
  void require_layers(int layers = -1) const;

  // Checks every CRC and length, as `pie-decode -t` does. Throws DamagedError, TruncatedError or
  // UnsupportedError.
  void check() const;

 private:
  std::vector<StoredFrame> frames_;
  std::string cut_header_;  // what is wrong where the file ends inside a later header
};

// The frame with its first `layers` layers only, and what is present of its metadata. Needs no
// model. Throws UsageError unless 1 <= layers <= the stored ones, TruncatedError if these are not
// whole, DamagedError if one of their checksums is wrong.
Bytes cut_layers(const StoredFrame& frame, int layers);

struct Breakpoint {
  std::string layer;
  std::uint64_t offset;  // a file cut here has this layer and all coarser ones
};

// One for each whole layer, coarse to fine.
std::vector<Breakpoint> breakpoints(const StoredFrame& frame);

}  // namespace pie

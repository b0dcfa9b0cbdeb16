#include "lib/container/code_file.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "lib/base/checksum.h"
#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::array<std::uint8_t, 4> kMagic = {0x89, 'P', 'I', 'E'};
constexpr std::uint32_t kSkippableMagic = 0x184D2A50;  // and the 15 that follow, as in zstd
constexpr std::size_t kCrcBytes = 4;

// Bits of the flags field.
constexpr std::uint64_t kArchive = 1U << 0;
constexpr std::uint64_t kTiled = 1U << 1;
constexpr std::uint64_t kLossless = 1U << 2;
constexpr std::uint64_t kMetadata = 1U << 3;
constexpr int kChannelsShift = 4;  // two bits: channels - 1
constexpr std::uint64_t kSixteenBit = 1U << 6;
constexpr std::uint64_t kCut = 1U << 7;
constexpr std::uint64_t kKnownFlags = (1U << 8) - 1;

// Bounds that keep every product and sum of header fields far from overflow.
constexpr std::uint64_t kMaxSide = std::uint64_t{1} << 26;
constexpr std::uint64_t kMaxImages = std::uint64_t{1} << 32;
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 56;

// Small blocks and images have short hashes: at a few hundred bytes of payload every byte counts.
constexpr std::uint64_t kSmallSamples = 4096;

std::uint64_t divide_up(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

std::uint64_t low_bytes(std::uint64_t value, int count) {
  return count == 8 ? value : value & ((std::uint64_t{1} << (8 * count)) - 1);
}

std::uint64_t samples_per_item(const FrameHeader& header) {
  const std::uint64_t width = header.tiled() ? header.tile_width : header.width;
  const std::uint64_t height = header.tiled() ? header.tile_height : header.height;
  return std::max<std::uint64_t>(1, width * height * static_cast<std::uint64_t>(header.channels));
}

int symbol_hash_bytes(const FrameHeader& header, std::uint64_t block) {
  return samples_per_item(header) * header.items_in_block(block) < kSmallSamples ? 1 : 4;
}

int pixel_hash_bytes(const FrameHeader& header, std::uint64_t group) {
  const std::uint64_t samples = std::uint64_t{header.width} * header.height *
                                static_cast<std::uint64_t>(header.channels) *
                                header.images_in_pixel_group(group);
  return samples < kSmallSamples ? 2 : 8;
}

// Length and mode in one integer, which takes one byte up to 63 bytes of rANS and 31 of other
// modes.
std::uint64_t length_and_mode(BlockMode mode, std::uint64_t size) {
  switch (mode) {
    case BlockMode::kZstd:
      return size << 2 | 1;
    case BlockMode::kRaw:
      return size << 2 | 3;
    default:
      return size << 1;
  }
}

bool is_chunk_type(const char* type, std::size_t size) {
  return size == 4 && std::all_of(type, type + size, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
         });
}

Bytes write_chunks(const std::vector<Chunk>& chunks) {
  ByteWriter all;
  for (const Chunk& chunk : chunks) {
    if (!is_chunk_type(chunk.type.data(), chunk.type.size())) {
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

std::string at(std::uint64_t offset) { return "damaged at byte " + std::to_string(offset); }

// What is impossible in a header, or nothing: one list for the writer and the reader.
std::string contradiction(const FrameHeader& h) {
  const auto within = [](std::uint64_t value, std::uint64_t low, std::uint64_t high) {
    return value >= low && value <= high;
  };
  if (!within(h.width, 1, kMaxSide) || !within(h.height, 1, kMaxSide)) return "image size";
  if (h.tile_width != 0 || h.tile_height != 0) {
    if (!within(h.tile_width, 1, kMaxSide) || !within(h.tile_height, 1, kMaxSide)) {
      return "tile size";
    }
  }
  if (!within(h.images, 1, h.archive ? kMaxImages : 1)) return "number of images";
  if (h.channels < 1 || h.channels > 4) return "number of channels";
  if (h.sample_bits != 8 && h.sample_bits != 16) return "sample size";
  if (h.step > kMaxStep) return "quantization step";
  return {};
}

bool possible_layers(const FrameHeader& h, std::size_t stored) {
  return h.total_layers <= kMaxLayers && stored >= 1 &&
         stored <= static_cast<std::size_t>(h.total_layers);
}

void require_within(const FrameHeader& h, const Limits& limits) {
  std::uint64_t width = h.width;
  std::uint64_t height = h.height;
  if (h.tiled()) {
    width = divide_up(width, h.tile_width) * h.tile_width;
    height = divide_up(height, h.tile_height) * h.tile_height;
  }
  // Sides are at most 2^27 here, so the product cannot overflow; that with the number of images
  // could.
  const std::uint64_t pixels = std::max<std::uint64_t>(1, width * height);
  if (pixels > limits.pixels_per_image || h.images > limits.pixels_per_frame / pixels) {
    throw UnsupportedError(std::to_string(h.images) + (h.images == 1 ? " image" : " images") +
                           " of " + std::to_string(width) + " x " + std::to_string(height) +
                           " pixels are above the limit of " +
                           std::to_string(limits.pixels_per_image) + " pixels an image, " +
                           std::to_string(limits.pixels_per_frame) + " in all");
  }
}

}  // namespace

// -------------------------------------------------------------------------------------------
// Geometry

std::uint64_t FrameHeader::tiles_per_image() const {
  return tiled() ? divide_up(width, tile_width) * divide_up(height, tile_height) : 1;
}

std::uint64_t FrameHeader::items_per_block() const {
  if (step != 0) return kItemsPerBlock;
  constexpr std::uint64_t kSamples = std::uint64_t{1} << 18;
  return std::clamp<std::uint64_t>(kSamples / samples_per_item(*this), 1, kItemsPerBlock);
}

std::uint64_t FrameHeader::blocks() const { return divide_up(items(), items_per_block()); }

std::uint64_t FrameHeader::items_in_block(std::uint64_t block) const {
  return std::min(items_per_block(), items() - block * items_per_block());
}

std::uint64_t FrameHeader::images_per_pixel_group() const {
  return std::max<std::uint64_t>(1, items_per_block() / tiles_per_image());
}

std::uint64_t FrameHeader::pixel_groups() const {
  return divide_up(images, images_per_pixel_group());
}

std::uint64_t FrameHeader::images_in_pixel_group(std::uint64_t group) const {
  return std::min(images_per_pixel_group(), images - group * images_per_pixel_group());
}

std::string layer_name(int layer, int total_layers) {
  return layer == 0 ? "z" : "r_" + std::to_string(total_layers - layer);
}

// -------------------------------------------------------------------------------------------
// Writing

std::vector<CodedBlock> encode_layer(const std::vector<std::int32_t>& symbols,
                                     std::size_t symbols_per_item, const NormalSymbols& table) {
  if (symbols_per_item == 0 || symbols.size() % symbols_per_item != 0) {
    throw UsageError(std::to_string(symbols.size()) +
                     " symbols are not a whole number of items of " +
                     std::to_string(symbols_per_item));
  }
  std::vector<CodedBlock> blocks;
  const std::size_t whole = static_cast<std::size_t>(kItemsPerBlock) * symbols_per_item;
  for (std::size_t first = 0; first < symbols.size(); first += whole) {
    blocks.push_back(
        encode_symbols(symbols.data() + first, std::min(whole, symbols.size() - first), table));
  }
  return blocks;
}

Bytes write_frame(const Frame& frame) {
  const FrameHeader& h = frame.header;
  std::string wrong = contradiction(h);
  if (h.total_layers < 1 || !possible_layers(h, frame.layers.size())) wrong = "number of layers";
  if (!wrong.empty()) throw UsageError("cannot write a code file: impossible " + wrong);
  const bool cut = frame.layers.size() < static_cast<std::size_t>(h.total_layers);
  if (h.lossless() && (cut || h.step != 0 || h.pixel_hashes.size() != h.pixel_groups())) {
    throw UsageError(
        "cannot write a code file: lossless needs an integer model, all layers, and the hash of "
        "every group of images");
  }
  for (const auto& layer : frame.layers) {
    if (layer.size() != h.blocks()) {
      throw UsageError("cannot write a code file: a layer has " + std::to_string(layer.size()) +
                       " blocks instead of " + std::to_string(h.blocks()));
    }
  }
  const Bytes metadata = write_chunks(frame.chunks);

  ByteWriter fields;
  fields.varint((h.archive ? kArchive : 0U) | (h.tiled() ? kTiled : 0U) |
                (h.lossless() ? kLossless : 0U) | (metadata.empty() ? 0U : kMetadata) |
                static_cast<std::uint64_t>(h.channels - 1) << kChannelsShift |
                (h.sample_bits == 16 ? kSixteenBit : 0U) | (cut ? kCut : 0U));
  fields.raw(h.fingerprint.data(), h.fingerprint.size());
  fields.varint(h.width);
  fields.varint(h.height);
  if (h.archive) fields.varint(h.images);
  if (h.tiled()) {
    fields.varint(h.tile_width);
    fields.varint(h.tile_height);
  }
  if (!h.lossless()) fields.varint(h.step);
  if (cut) fields.varint(static_cast<std::uint64_t>(h.total_layers));
  if (!metadata.empty()) fields.varint(metadata.size());
  for (std::uint64_t group = 0; group < h.pixel_hashes.size(); ++group) {
    fields.low_bytes(h.pixel_hashes[group], pixel_hash_bytes(h, group));
  }
  for (const auto& layer : frame.layers) {
    for (std::uint64_t block = 0; block < layer.size(); ++block) {
      const CodedBlock& coded = layer[block];
      fields.varint(length_and_mode(coded.mode, coded.bytes.size()));
      fields.u32(crc32(coded.bytes.data(), coded.bytes.size()));
      fields.low_bytes(coded.symbol_hash, symbol_hash_bytes(h, block));
    }
  }

  ByteWriter out;
  out.raw(kMagic.data(), kMagic.size());
  out.u8(kFormatVersion);
  out.varint(fields.size());
  out.raw(fields.bytes());
  out.u32(crc32(out.bytes().data(), out.size()));
  for (const auto& layer : frame.layers) {
    for (const CodedBlock& coded : layer) out.raw(coded.bytes);
  }
  out.raw(metadata);
  return out.take();
}

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

// -------------------------------------------------------------------------------------------
// Reading a header

class FrameParser {
 public:
  // `start` is the offset of the magic, which the caller has recognised.
  FrameParser(ByteSpan file, std::uint64_t start, const Limits& limits)
      : limits_(limits), start_(start) {
    frame_.file_ = file;
    frame_.offset_ = start;
  }

  StoredFrame parse() {
    ByteReader reader = checked_fields();
    try {
      read_fields(reader);
      read_table(reader);
    } catch (const TruncatedError&) {
      impossible("header length");
    }
    locate_present_bytes();
    return std::move(frame_);
  }

 private:
  [[noreturn]] void impossible(const std::string& what) const {
    throw DamagedError(at(start_) + ": impossible " + what + " in the header");
  }

  // The fields of a header whose CRC is right and whose version is known.
  ByteReader checked_fields() {
    const std::uint8_t* first = frame_.file_.data + start_;
    ByteReader reader(first, frame_.file_.size - static_cast<std::size_t>(start_));
    reader.raw(kMagic.size());
    const std::uint8_t version = reader.u8();
    const ByteSpan fields = reader.raw(reader.varint());
    const std::size_t covered = reader.position();
    if (reader.u32() != crc32(first, covered)) {
      throw DamagedError(at(start_) + ": header checksum differs");
    }
    payload_ = start_ + covered + kCrcBytes;
    // Only now: a wrong version in a damaged header is damage.
    if (version == 0) impossible("version");
    if (version > kFormatVersion) {
      throw UnsupportedError("needs a newer pie: code file format " + std::to_string(version) +
                             ", known is " + std::to_string(kFormatVersion));
    }
    return ByteReader(fields);
  }

  void read_fields(ByteReader& reader) {
    const std::uint64_t flags = reader.varint();
    if ((flags & ~kKnownFlags) != 0) {
      throw UnsupportedError("needs a newer pie: the code file uses unknown features");
    }
    const auto has = [flags](std::uint64_t flag) { return (flags & flag) != 0; };
    FrameHeader& h = frame_.header_;
    const ByteSpan fingerprint = reader.raw(h.fingerprint.size());
    std::copy_n(fingerprint.data, fingerprint.size, h.fingerprint.begin());
    h.width = read_small(reader);
    h.height = read_small(reader);
    h.archive = has(kArchive);
    if (h.archive) h.images = reader.varint();
    if (has(kTiled)) {
      h.tile_width = read_small(reader);
      h.tile_height = read_small(reader);
      if (h.tile_width == 0 || h.tile_height == 0) impossible("tile size");
    }
    h.channels = static_cast<int>(flags >> kChannelsShift & 3U) + 1;
    h.sample_bits = has(kSixteenBit) ? 16 : 8;
    // Exact decoding needs an integer model, which has no step.
    if (!has(kLossless)) h.step = read_small(reader);
    if (has(kCut)) {
      const std::uint32_t total = read_small(reader);
      if (total < 2 || total > kMaxLayers) impossible("number of layers");
      h.total_layers = static_cast<int>(total);
    }
    if (has(kMetadata)) {
      frame_.metadata_bytes_ = reader.varint();
      if (frame_.metadata_bytes_ == 0) impossible("metadata length");
    }
    const std::string wrong = contradiction(h);
    if (!wrong.empty()) impossible(wrong);
    require_within(h, limits_);
    if (has(kLossless)) {
      if (has(kCut)) impossible("lossless flag");
      require_room(reader, h.pixel_groups(), 2);
      for (std::uint64_t group = 0; group < h.pixel_groups(); ++group) {
        h.pixel_hashes.push_back(reader.low_bytes(pixel_hash_bytes(h, group)));
      }
    }
  }

  // The table fills what is left of the header, which tells the number of layers.
  void read_table(ByteReader& reader) {
    FrameHeader& h = frame_.header_;
    std::uint64_t offset = payload_;
    while (!reader.at_end()) {
      require_room(reader, h.blocks(), 1 + kCrcBytes + 1);
      if (frame_.layers_.size() == kMaxLayers) impossible("number of layers");
      auto& layer = frame_.layers_.emplace_back();
      layer.reserve(static_cast<std::size_t>(h.blocks()));
      for (std::uint64_t block = 0; block < h.blocks(); ++block) {
        const std::uint64_t coded = reader.varint();
        StoredFrame::Entry entry{};
        entry.mode = (coded & 1U) == 0   ? BlockMode::kRans
                     : (coded & 2U) == 0 ? BlockMode::kZstd
                                         : BlockMode::kRaw;
        entry.size = entry.mode == BlockMode::kRans ? coded >> 1 : coded >> 2;
        entry.offset = offset;
        entry.crc = reader.u32();
        entry.symbol_hash =
            static_cast<std::uint32_t>(reader.low_bytes(symbol_hash_bytes(h, block)));
        if (entry.size > kMaxBytes || offset > kMaxBytes) impossible("block length");
        offset += entry.size;
        layer.push_back(entry);
      }
    }
    const bool cut = h.total_layers != 0;
    if (!cut) h.total_layers = frame_.layers();
    if (!possible_layers(h, frame_.layers_.size()) || (cut && !frame_.cut())) {
      impossible("number of layers");
    }
    if (frame_.metadata_bytes_ > kMaxBytes) impossible("metadata length");
    frame_.metadata_offset_ = offset;
    frame_.size_ = offset + frame_.metadata_bytes_ - start_;
  }

  void locate_present_bytes() {
    const std::uint64_t end = frame_.file_.size;
    for (const auto& layer : frame_.layers_) {
      if (layer.back().offset + layer.back().size > end) break;
      ++frame_.whole_layers_;
    }
    frame_.truncated_ = start_ + frame_.size_ > end;
  }

  std::uint32_t read_small(ByteReader& reader) const {
    const std::uint64_t value = reader.varint();
    if (value > kMaxSide) impossible("integer");
    return static_cast<std::uint32_t>(value);
  }

  // Before memory for `count` entries is taken: is the header long enough to hold them?
  void require_room(const ByteReader& reader, std::uint64_t count, std::uint64_t bytes_each) const {
    if (count > reader.remaining() / bytes_each) impossible("header length");
  }

  Limits limits_;
  std::uint64_t start_;
  std::uint64_t payload_ = 0;
  StoredFrame frame_;
};

// -------------------------------------------------------------------------------------------
// A stored frame

const StoredFrame::Entry& StoredFrame::entry(int layer, std::uint64_t block) const {
  if (layer < 0 || layer >= layers() || block >= blocks()) {
    throw UsageError("no layer " + std::to_string(layer) + ", block " + std::to_string(block) +
                     " in this code file");
  }
  return layers_[static_cast<std::size_t>(layer)][static_cast<std::size_t>(block)];
}

std::string StoredFrame::place(int layer, std::uint64_t block) const {
  std::string text = "layer " + layer_name(layer);
  if (blocks() > 1) text += ", block " + std::to_string(block);
  return text;
}

std::string StoredFrame::whole_layer_names() const {
  if (whole_layers_ == 0) return "no layer is whole";
  std::string names = whole_layers_ == 1 ? "layer " : "layers ";
  for (int layer = 0; layer < whole_layers_; ++layer) {
    if (layer > 0) names += ", ";
    names += layer_name(layer);
  }
  return names + (whole_layers_ == 1 ? " is whole" : " are whole");
}

std::uint64_t StoredFrame::layer_bytes(int layer) const {
  std::uint64_t total = 0;
  for (std::uint64_t b = 0; b < blocks(); ++b) total += entry(layer, b).size;
  return total;
}

std::uint64_t StoredFrame::payload_bytes() const {
  std::uint64_t total = 0;
  for (int layer = 0; layer < layers(); ++layer) total += layer_bytes(layer);
  return total;
}

void StoredFrame::require_layers(int wanted) const {
  if (wanted > layers()) {
    throw UsageError("the code file holds " + std::to_string(layers()) + " of " +
                     std::to_string(header_.total_layers) + " layers, not " +
                     std::to_string(wanted));
  }
  if (wanted >= 0 ? wanted <= whole_layers_ : !truncated_) return;
  std::string message = "truncated in ";
  message += whole_layers_ == layers() ? "the metadata" : "layer " + layer_name(whole_layers_);
  message += "; " + whole_layer_names();
  if (whole_layers_ > 0) {
    message += ": use --layers " + std::to_string(whole_layers_) + " or --allow-partial";
  }
  throw TruncatedError(message);
}

ByteSpan StoredFrame::block(int layer, std::uint64_t block) const {
  const Entry& e = entry(layer, block);
  if (e.offset + e.size > file_.size) {
    throw TruncatedError("truncated in " + place(layer, block) + "; " + whole_layer_names());
  }
  const ByteSpan bytes{file_.data + e.offset, static_cast<std::size_t>(e.size)};
  if (crc32(bytes.data, bytes.size) != e.crc) {
    throw DamagedError(at(e.offset) + " (" + place(layer, block) + "): checksum differs");
  }
  return bytes;
}

void StoredFrame::verify_symbols(int layer, std::uint64_t block, const std::int32_t* symbols,
                                 std::size_t count) const {
  const std::uint64_t kept =
      low_bytes(symbol_hash(symbols, count), symbol_hash_bytes(header_, block));
  if (kept != entry(layer, block).symbol_hash) {
    throw VerificationError(
        "decoder disagrees in " + place(layer, block) +
        ": the file is intact, but this machine or model decodes other symbols");
  }
}

void StoredFrame::verify_pixels(std::uint64_t group, std::uint64_t hash) const {
  if (!header_.lossless()) return;
  if (group >= header_.pixel_groups()) {
    throw UsageError("no group " + std::to_string(group) + " of images in this code file");
  }
  if (low_bytes(hash, pixel_hash_bytes(header_, group)) !=
      header_.pixel_hashes[static_cast<std::size_t>(group)]) {
    std::string images = "the image";
    if (header_.archive) {
      const std::uint64_t first = group * header_.images_per_pixel_group();
      images = "images " + std::to_string(first) + " to " +
               std::to_string(first + header_.images_in_pixel_group(group) - 1);
    }
    throw VerificationError("decoder disagrees in the pixels of " + images +
                            ": the file is intact, but the result is not what was encoded");
  }
}

VerificationError StoredFrame::disagreement(int layer, std::uint64_t block,
                                            const DamagedError& error) const {
  // The CRC is right, so these are the encoder's bytes and the decoder reads them differently.
  return VerificationError("decoder disagrees in " + place(layer, block) +
                           ": the file is intact, but does not decode (" + error.what() + ")");
}

std::vector<std::int32_t> StoredFrame::decode_block(int layer, std::uint64_t block,
                                                    std::size_t symbols_per_item,
                                                    const NormalSymbols& table) const {
  if (table.step() != header_.step) {
    throw UsageError("quantization steps differ: " + std::to_string(table.step()) + " given, " +
                     std::to_string(header_.step) + " in the code file");
  }
  const ByteSpan bytes = this->block(layer, block);
  const std::size_t count =
      static_cast<std::size_t>(header_.items_in_block(block)) * symbols_per_item;
  std::vector<std::int32_t> symbols;
  try {
    symbols = decode_symbols(mode(layer, block), bytes, count, table);
  } catch (const DamagedError& error) {
    throw disagreement(layer, block, error);
  }
  verify_symbols(layer, block, symbols.data(), symbols.size());
  return symbols;
}

std::vector<Chunk> StoredFrame::chunks(std::vector<std::string>* warnings) const {
  const std::uint64_t start = std::min<std::uint64_t>(metadata_offset_, file_.size);
  const std::uint64_t present = std::min<std::uint64_t>(metadata_bytes_, file_.size - start);
  ByteReader reader(file_.data + start, static_cast<std::size_t>(present));
  std::vector<Chunk> chunks;
  try {
    while (!reader.at_end()) {
      const std::size_t first = reader.position();
      const std::uint64_t offset = start + first;
      const ByteSpan type = reader.raw(4);
      const ByteSpan data = reader.raw(reader.varint());
      const std::size_t covered = reader.position() - first;
      const bool intact = reader.u32() == crc32(type.data, covered);
      Chunk chunk{std::string(type.data, type.data + type.size),
                  Bytes(data.data, data.data + data.size)};
      const bool named = is_chunk_type(chunk.type.data(), chunk.type.size());
      if (!intact || !named) {
        const std::string message =
            at(offset) + " (metadata): " + (intact ? "impossible chunk type" : "checksum differs");
        const bool needed = named && !chunk.may_be_skipped();
        if (warnings == nullptr || needed) throw DamagedError(message);
        warnings->push_back(message);
        continue;
      }
      if (!chunk.may_be_skipped() && chunk.type != kExtraSamples) {
        throw UnsupportedError("needs a newer pie: unknown metadata chunk " + chunk.type);
      }
      chunks.push_back(std::move(chunk));
    }
  } catch (const DamagedError& error) {
    if (warnings == nullptr) {
      // In a whole frame the lengths contradict each other, which is damage.
      if (truncated_) require_layers();
      throw DamagedError(at(start) + " (metadata): " + error.what());
    }
    warnings->push_back(truncated_ ? "truncated in the metadata"
                                   : at(start) + " (metadata): " + error.what());
  }
  if (warnings == nullptr && truncated_) require_layers();
  return chunks;
}

// -------------------------------------------------------------------------------------------
// A file

CodeFile::CodeFile(ByteSpan bytes, const Limits& limits) {
  std::uint64_t offset = 0;
  while (offset < bytes.size || offset == 0) {
    const std::uint8_t* next = bytes.data + offset;
    const std::size_t left = bytes.size - static_cast<std::size_t>(offset);
    const auto starts_like = [&](const std::uint8_t* magic) {
      return left > 0 && std::equal(next, next + std::min<std::size_t>(left, 4), magic);
    };
    ByteWriter skippable;
    skippable.u32(kSkippableMagic | (left > 0 ? next[0] & 0x0FU : 0U));
    try {
      if (starts_like(kMagic.data())) {
        frames_.push_back(FrameParser(bytes, offset, limits).parse());
        offset += frames_.back().size();
        if (frames_.back().truncated()) return;
      } else if (starts_like(skippable.bytes().data())) {
        ByteReader reader(next, left);
        reader.u32();
        reader.raw(reader.u32());
        offset += reader.position();
      } else if (offset == 0) {
        throw DamagedError("not a PIE code file");
      } else {
        throw DamagedError(at(offset) + ": not a frame");
      }
    } catch (const TruncatedError&) {
      cut_header_ = "truncated at byte " + std::to_string(bytes.size) +
                    ", inside the frame at byte " + std::to_string(offset);
      if (frames_.empty()) throw TruncatedError(cut_header_);
      return;
    }
  }
  if (frames_.empty()) throw DamagedError("not a PIE code file: holds only skippable frames");
}

FileSummary CodeFile::summary() const {
  FileSummary all;
  all.whole_layers = kMaxLayers;
  all.lossless = true;
  all.truncated = truncated();
  for (const StoredFrame& frame : frames_) {
    ++all.frames;
    all.images += frame.header().images;
    all.payload_bytes += frame.payload_bytes();
    all.metadata_bytes += frame.metadata_bytes();
    all.overhead_bytes += frame.overhead_bytes();
    all.whole_layers = std::min(all.whole_layers, frame.whole_layers());
    all.lossless = all.lossless && frame.header().lossless();
  }
  return all;
}

bool CodeFile::truncated() const { return !cut_header_.empty() || frames_.back().truncated(); }

void CodeFile::require_layers(int layers) const {
  for (const StoredFrame& frame : frames_) frame.require_layers(layers);
  if (!cut_header_.empty()) {
    throw TruncatedError(cut_header_ + "; " + std::to_string(frames_.size()) +
                         (frames_.size() == 1 ? " frame is whole" : " frames are whole") +
                         ": use --allow-partial");
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

Bytes cut_layers(const StoredFrame& frame, int layers) {
  if (layers < 1) throw UsageError("cannot keep fewer than 1 layer");
  frame.require_layers(layers);
  Frame kept;
  kept.header = frame.header();
  if (layers < frame.header().total_layers) kept.header.pixel_hashes.clear();
  for (int layer = 0; layer < layers; ++layer) {
    std::vector<CodedBlock>& blocks = kept.layers.emplace_back();
    for (std::uint64_t b = 0; b < frame.blocks(); ++b) {
      const ByteSpan bytes = frame.block(layer, b);
      blocks.push_back({frame.mode(layer, b), Bytes(bytes.data, bytes.data + bytes.size),
                        frame.entry(layer, b).symbol_hash});
    }
  }
  // Damage is not copied under a fresh checksum; what a cut has taken away is gone.
  std::vector<std::string> missing;
  kept.chunks = frame.chunks(frame.truncated() ? &missing : nullptr);
  return write_frame(kept);
}

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

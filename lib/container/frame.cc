#include "lib/container/frame.h"

#include <algorithm>
#include <utility>

#include "lib/base/checksum.h"

namespace pie {
namespace {

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

// Keeps sums of lengths far from overflow.
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 56;

std::uint64_t low_bytes(std::uint64_t value, int count) {
  return count == 8 ? value : value & ((std::uint64_t{1} << (8 * count)) - 1);
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

bool possible_layers(const FrameHeader& h, std::size_t stored) {
  return h.total_layers <= kMaxLayers && stored >= 1 &&
         stored <= static_cast<std::size_t>(h.total_layers);
}

}  // namespace

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
  out.raw(kFrameMagic.data(), kFrameMagic.size());
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
    reader.raw(kFrameMagic.size());
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
    if (has(kLossless) && has(kCut)) impossible("lossless flag");
    require_within(h, limits_);
    if (has(kLossless)) {
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
        if (entry.size > kMaxBytes || offset - payload_ > kMaxBytes) impossible("block length");
        offset += entry.size;
        layer.push_back(entry);
      }
    }
    const bool cut = h.total_layers != 0;
    if (!cut) h.total_layers = frame_.layers();
    if (!possible_layers(h, frame_.layers_.size()) || (cut && !frame_.cut())) {
      impossible("number of layers");
    }
    if (frame_.metadata_bytes_ > kMaxBytes ||
        offset - payload_ + frame_.metadata_bytes_ > kMaxBytes) {
      impossible("metadata length");
    }
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
    if (value > kMaxFrameSide) impossible("integer");
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

StoredFrame StoredFrame::parse(ByteSpan file, std::uint64_t offset, const Limits& limits) {
  return FrameParser(file, offset, limits).parse();
}

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

CodedBlock StoredFrame::coded_block(int layer, std::uint64_t block) const {
  const ByteSpan bytes = this->block(layer, block);
  const Entry& e = entry(layer, block);
  return {e.mode, Bytes(bytes.data, bytes.data + bytes.size), e.symbol_hash};
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

}  // namespace pie

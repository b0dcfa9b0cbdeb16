// From the bytes of a header to a StoredFrame.
#include <algorithm>
#include <utility>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/base/format_version.h"
#include "lib/container/frame_fields.h"
#include "lib/container/stored_frame.h"

namespace pie {

class FrameParser {
 public:
  // `start` is the offset of the magic, which the caller has recognised.
  FrameParser(const Input& file, std::uint64_t start, const Limits& limits)
      : limits_(limits), start_(start), frame_(file, start) {}

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
    throw DamagedError(damaged_at(start_) + ": impossible " + what + " in the header");
  }

  // Reads the header: the fields, once its CRC is right and its version known.
  ByteReader checked_fields() {
    constexpr std::uint64_t kMostBefore = kFrameMagic.size() + 1 + 9;  // of a varint
    header_ = frame_.file_.read(start_, kMostBefore);
    ByteReader before(header_.data(), header_.size());
    before.raw(kFrameMagic.size());
    const std::uint8_t version = before.u8();
    const std::uint64_t length = before.varint();
    const std::uint64_t covered = before.position() + length;
    header_ = frame_.file_.read(start_, covered + kCrcBytes);
    ByteReader reader(header_.data(), header_.size());
    reader.raw(before.position());
    const ByteSpan fields = reader.raw(length);
    if (reader.u32() != crc32(header_.data(), static_cast<std::size_t>(covered))) {
      throw DamagedError(damaged_at(start_) + ": header checksum differs");
    }
    payload_ = start_ + covered + kCrcBytes;
    // Only now: a wrong version in a damaged header is damage.
    if (version == 0) impossible("version");
    kCodeFormat.check(version);
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
    h.archive = has(kArchiveFlag);
    if (h.archive) h.images = reader.varint();
    if (has(kTiledFlag)) {
      h.tile_width = read_small(reader);
      h.tile_height = read_small(reader);
      if (h.tile_width == 0 || h.tile_height == 0) impossible("tile size");
    }
    h.channels = static_cast<int>(flags >> kChannelsShift & 3U) + 1;
    h.sample_bits = has(kSixteenBitFlag) ? 16 : 8;
    // Exact decoding needs an exact model, which has no step.
    if (!has(kLosslessFlag)) h.step = read_small(reader);
    if (has(kCutFlag)) {
      const std::uint32_t total = read_small(reader);
      if (total < 2 || total > kMaxLayers) impossible("number of layers");
      h.total_layers = static_cast<int>(total);
    }
    if (has(kMetadataFlag)) {
      frame_.metadata_bytes_ = reader.varint();
      if (frame_.metadata_bytes_ == 0) impossible("metadata length");
    }
    const std::string wrong = contradiction(h);
    if (!wrong.empty()) impossible(wrong);
    if (has(kLosslessFlag) && has(kCutFlag)) impossible("lossless flag");
    require_within(h, limits_);
    if (has(kLosslessFlag)) {
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
        const LengthAndMode coded = unpacked(reader.varint());
        StoredFrame::Entry entry{};
        entry.mode = coded.mode;
        entry.size = coded.length;
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
    const std::uint64_t end = frame_.file_.size();
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
  Bytes header_;
  StoredFrame frame_;
};

StoredFrame StoredFrame::parse(const Input& file, std::uint64_t offset, const Limits& limits) {
  return FrameParser(file, offset, limits).parse();
}

}  // namespace pie

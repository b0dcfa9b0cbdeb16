#include "lib/container/frame_writer.h"

#include <string>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/base/format_version.h"
#include "lib/container/frame_fields.h"

namespace pie {

FrameWriter::FrameWriter(const FrameHeader& header, int layers)
    : header_(header), layers_(static_cast<std::size_t>(layers < 0 ? 0 : layers)) {
  std::string wrong = contradiction(header);
  if (header.total_layers < 1 || !possible_layers(header, layers_.size())) {
    wrong = "number of layers";
  }
  if (!wrong.empty()) throw UsageError("cannot write a code file: impossible " + wrong);
}

void FrameWriter::add(const std::vector<CodedBlock>& block) {
  if (block.size() != layers_.size()) {
    throw UsageError("cannot write a code file: a block of " + std::to_string(block.size()) +
                     " layers instead of " + std::to_string(layers_.size()));
  }
  for (std::size_t layer = 0; layer < block.size(); ++layer) {
    const CodedBlock& coded = block[layer];
    layers_[layer].entries.push_back({coded.mode, coded.bytes.size(),
                                      crc32(coded.bytes.data(), coded.bytes.size()),
                                      coded.symbol_hash});
    layers_[layer].payload.append(coded.bytes);
  }
}

std::uint64_t FrameWriter::payload_bytes(int layer) const {
  return layers_.at(static_cast<std::size_t>(layer)).payload.size();
}

void FrameWriter::require_complete() const {
  const bool cut = layers_.size() < static_cast<std::size_t>(header_.total_layers);
  if (header_.lossless() &&
      (cut || header_.step != 0 || header_.pixel_hashes.size() != header_.pixel_groups())) {
    throw UsageError(
        "cannot write a code file: lossless needs an exact model, all layers, and the hash of "
        "every group of images");
  }
  for (const Layer& layer : layers_) {
    if (layer.entries.size() != header_.blocks()) {
      throw UsageError("cannot write a code file: a layer has " +
                       std::to_string(layer.entries.size()) + " blocks instead of " +
                       std::to_string(header_.blocks()));
    }
  }
}

Bytes FrameWriter::fields(const Bytes& metadata) const {
  const FrameHeader& h = header_;
  const bool cut = layers_.size() < static_cast<std::size_t>(h.total_layers);
  ByteWriter fields;
  fields.varint((h.archive ? kArchiveFlag : 0U) | (h.tiled() ? kTiledFlag : 0U) |
                (h.lossless() ? kLosslessFlag : 0U) | (metadata.empty() ? 0U : kMetadataFlag) |
                static_cast<std::uint64_t>(h.channels - 1) << kChannelsShift |
                (h.sample_bits == 16 ? kSixteenBitFlag : 0U) | (cut ? kCutFlag : 0U));
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
  for (const Layer& layer : layers_) {
    for (std::uint64_t block = 0; block < layer.entries.size(); ++block) {
      const Entry& entry = layer.entries[block];
      fields.varint(packed({entry.size, entry.mode}));
      fields.u32(entry.crc);
      fields.low_bytes(entry.symbol_hash, symbol_hash_bytes(h, block));
    }
  }
  return fields.take();
}

void FrameWriter::write(const Sink& sink) const {
  require_complete();
  const Bytes metadata = write_chunks(chunks_);
  const Bytes fields = this->fields(metadata);
  ByteWriter out;
  out.raw(kFrameMagic.data(), kFrameMagic.size());
  out.u8(static_cast<std::uint8_t>(kCodeFormat.newest));
  out.varint(fields.size());
  out.raw(fields);
  out.u32(crc32(out.bytes().data(), out.size()));
  sink({out.bytes().data(), out.size()});
  for (const Layer& layer : layers_) layer.payload.copy_to(sink);
  sink({metadata.data(), metadata.size()});
}

}  // namespace pie

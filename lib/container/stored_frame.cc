#include "lib/container/stored_frame.h"

#include <algorithm>
#include <utility>

#include "lib/base/checksum.h"
#include "lib/container/frame_fields.h"

namespace pie {

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
  throw TruncatedError(message + "; " + whole_layer_names());
}

CodedBlock StoredFrame::block(int layer, std::uint64_t block) const {
  const Entry& e = entry(layer, block);
  CodedBlock coded{e.mode, file_.read(e.offset, e.size), e.symbol_hash};
  if (coded.bytes.size() < e.size) {
    throw TruncatedError("truncated in " + place(layer, block) + "; " + whole_layer_names());
  }
  if (crc32(coded.bytes.data(), coded.bytes.size()) != e.crc) {
    throw DamagedError(damaged_at(e.offset) + " (" + place(layer, block) + "): checksum differs");
  }
  return coded;
}

void StoredFrame::verify_symbols(int layer, std::uint64_t block,
                                 const std::vector<std::int32_t>& symbols) const {
  verify_symbols(layer, block, symbol_hash(symbols.data(), symbols.size()));
}

void StoredFrame::verify_symbols(int layer, std::uint64_t block, std::uint64_t hash) const {
  const std::uint64_t kept = low_bytes(hash, symbol_hash_bytes(header_, block));
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

std::vector<Chunk> StoredFrame::chunks(std::vector<std::string>* warnings) const {
  const Bytes bytes = file_.read(metadata_offset_, metadata_bytes_);
  auto chunks = read_chunks({bytes.data(), bytes.size()}, metadata_offset_,
                            bytes.size() == metadata_bytes_, warnings);
  if (warnings == nullptr && truncated_) require_layers();
  return chunks;
}

}  // namespace pie

// Code files of made-up symbols for the container's tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "lib/base/random.h"
#include "lib/coding/layer_coder.h"
#include "lib/container/code_file.h"
#include "lib/container/frame_writer.h"
#include "lib/container/rewrite.h"
#include "tests/support/failure.h"

namespace pie::test {

using Symbols = std::vector<std::int32_t>;

inline constexpr std::uint32_t kStep = 256;
inline const Fingerprint kModel = {0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7};

// So many items, the last block of which has fewer.
inline constexpr std::uint64_t kTwoBlocks = kItemsPerBlock + 44;
inline constexpr std::uint64_t kThreeBlocks = 2 * kItemsPerBlock + 88;

// Symbols each item has in layer 0, 1, ...: z is small, detail grows.
inline std::size_t symbols_per_item(int layer) {
  return layer == 0 ? 16 : 20 * static_cast<std::size_t>(layer);
}

inline Symbols layer_symbols(std::uint64_t items, int layer) {
  const CounterRandom random(11, static_cast<std::uint64_t>(layer));
  Symbols symbols(static_cast<std::size_t>(items) * symbols_per_item(layer));
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    symbols[i] = static_cast<std::int32_t>(std::lround(random.normal(i) * 1024 / kStep));
  }
  return symbols;
}

// A frame to be written, all of it in memory.
struct Frame {
  FrameHeader header;
  std::vector<std::vector<CodedBlock>> layers;  // coarse to fine, each of header.blocks() blocks
  std::vector<Chunk> chunks;
};

// Appends to `bytes`.
inline Sink append_to(Bytes& bytes) {
  return
      [&bytes](ByteSpan piece) { bytes.insert(bytes.end(), piece.data, piece.data + piece.size); };
}

inline Bytes write_frame(const Frame& frame) {
  FrameWriter writer(frame.header, static_cast<int>(frame.layers.size()));
  std::size_t blocks = 0;
  for (const auto& layer : frame.layers) blocks = std::max(blocks, layer.size());
  for (std::size_t b = 0; b < blocks; ++b) {
    std::vector<CodedBlock> block;
    for (const auto& layer : frame.layers) {
      if (b < layer.size()) block.push_back(layer[b]);
    }
    writer.add(block);
  }
  for (const Chunk& chunk : frame.chunks) writer.add(chunk);
  Bytes bytes;
  writer.write(append_to(bytes));
  return bytes;
}

inline Bytes cut(const StoredFrame& frame, int layers) {
  Bytes bytes;
  cut_layers(frame, layers, append_to(bytes));
  return bytes;
}

// The blocks of one layer of a real-valued model.
inline std::vector<CodedBlock> encode_layer(const Symbols& symbols, std::size_t symbols_per_item,
                                            const NormalSymbols& table) {
  std::vector<CodedBlock> blocks;
  const std::size_t whole = static_cast<std::size_t>(kItemsPerBlock) * symbols_per_item;
  for (std::size_t first = 0; first < symbols.size(); first += whole) {
    blocks.push_back(
        encode_symbols(symbols.data() + first, std::min(whole, symbols.size() - first), table));
  }
  return blocks;
}

// The symbols of a block of a frame, verified.
inline Symbols decode_block(const StoredFrame& frame, int layer, std::uint64_t block,
                            std::size_t symbols_per_item, const NormalSymbols& table) {
  const CodedBlock coded = frame.block(layer, block);
  Symbols symbols;
  try {
    symbols = decode_symbols(
        coded.mode, {coded.bytes.data(), coded.bytes.size()},
        static_cast<std::size_t>(frame.header().items_in_block(block)) * symbols_per_item, table);
  } catch (const DamagedError& error) {
    throw frame.disagreement(layer, block, error);
  }
  frame.verify_symbols(layer, block, symbols);
  return symbols;
}

inline FrameHeader digits_header(std::uint64_t images, int layers) {
  FrameHeader header;
  header.fingerprint = kModel;
  header.archive = images > 1;
  header.images = images;
  header.width = header.height = 28;
  header.step = kStep;
  header.total_layers = layers;
  return header;
}

inline Frame make_frame(const FrameHeader& header) {
  Frame frame;
  frame.header = header;
  for (int layer = 0; layer < header.total_layers; ++layer) {
    frame.layers.push_back(encode_layer(layer_symbols(header.items(), layer),
                                        symbols_per_item(layer), NormalSymbols(kStep)));
  }
  return frame;
}

inline Frame digits(std::uint64_t images, int layers) {
  return make_frame(digits_header(images, layers));
}

// A frame of an exact model; how its symbols are coded is not the container's business.
inline Frame lossless_digits(std::uint64_t images, int layers) {
  Frame frame = digits(images, layers);
  frame.header.step = 0;
  for (std::uint64_t g = 0; g < frame.header.pixel_groups(); ++g) {
    frame.header.pixel_hashes.push_back(0x0123456789ABCDEF * (g + 1));
  }
  return frame;
}

// All symbols of a file, layer by layer, as a decoder would get them.
inline std::vector<Symbols> decode_all(const Bytes& bytes) {
  const CodeFile file(bytes);
  file.require_layers();
  std::vector<Symbols> all;
  for (const StoredFrame& frame : file.frames()) {
    const NormalSymbols table(kStep);
    for (int layer = 0; layer < frame.layers(); ++layer) {
      Symbols& symbols = all.emplace_back();
      for (std::uint64_t b = 0; b < frame.blocks(); ++b) {
        const Symbols part = decode_block(frame, layer, b, symbols_per_item(layer), table);
        symbols.insert(symbols.end(), part.begin(), part.end());
      }
    }
    frame.chunks();
  }
  return all;
}

inline Bytes concatenated(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

inline Bytes first_bytes(const Bytes& bytes, std::size_t count) {
  return Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace pie::test

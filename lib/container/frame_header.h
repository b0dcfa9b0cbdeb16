// What a frame of a code file says about its images and its model (FORMAT.md, 3), and the numbers
// that follow from it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace pie {

using Fingerprint = std::array<std::uint8_t, 8>;  // of the model: first bytes of a SHA-256
// Stands where there is no model, and JPEG XL or WebP codes the images (FORMAT.md, 13).
inline constexpr Fingerprint kFloorFingerprint = {'n', 'o', ' ', 'm', 'o', 'd', 'e', 'l'};
inline constexpr const char* kFloorName = "no model, JPEG XL or WebP";

// An item is one input of the model: a tile, or a whole image where images are not tiled. A block
// holds the symbols that one layer has for at most this many items.
inline constexpr std::uint64_t kItemsPerBlock = 512;
inline constexpr int kMaxLayers = 64;
inline constexpr std::array<std::uint8_t, 4> kFrameMagic = {0x89, 'P', 'I', 'E'};
inline constexpr std::uint64_t kMaxFrameSide = std::uint64_t{1}
                                               << 26;  // of an image or tile, in pixels

// The largest images that are accepted, in pixels after padding to whole tiles. What is above
// raises LimitError before anything of that size is allocated.
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
  std::uint32_t step = 0;  // quantization step in sigma/1024; 0: exact model
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
  // Of all blocks but the last, which may have fewer: kItemsPerBlock, or of an exact model the
  // largest power of two of items that have at most 2^19 samples, but at least one.
  std::uint64_t items_per_block() const;
  std::uint64_t blocks() const;  // of each layer
  std::uint64_t items_in_block(std::uint64_t block) const;

  // A group is at most items_per_block / tiles_per_image images, a power of two, but at least one;
  // only the last may have fewer.
  std::uint64_t images_per_pixel_group() const;
  std::uint64_t pixel_groups() const;
  std::uint64_t images_in_pixel_group(std::uint64_t group) const;
};

// "z" for layer 0, then "r_L", ..., "r_1" where the model has L + 1 layers.
std::string layer_name(int layer, int total_layers);

// How many bytes of a block's symbol hash, or of a group's pixel hash, a frame keeps: small blocks
// and images have short hashes, for at a few hundred bytes of payload every byte counts.
int symbol_hash_bytes(const FrameHeader& header, std::uint64_t block);
int pixel_hash_bytes(const FrameHeader& header, std::uint64_t group);

// What is impossible in the fields above, or nothing: one list for the writer and the reader. How
// many layers there are is theirs to check, who see the layers.
std::string contradiction(const FrameHeader& header);

// Throws LimitError if the images are above `limits`.
void require_within(const FrameHeader& header, const Limits& limits);

}  // namespace pie

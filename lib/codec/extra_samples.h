// The samples of images that no layer of an integer PIE holds: alpha, where the model knows colours
// only, and the low bytes of 16-bit samples. They travel in a chunk of the frame (FORMAT.md, 9.1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/container/code_file.h"

namespace pie {

// Samples as symbols are relative to this one, so that raw storage takes 8 bits of them.
inline constexpr int32_t kMiddleSample = 128;

// How the samples of a frame are shared out between the layers and the chunk.
struct SampleShares {
  int coded_channels;  // of the layers
  bool alpha;          // its high bytes are in the chunk
  bool low_bytes;      // of all channels: in the chunk

  bool any_extra() const { return alpha || low_bytes; }
  // Bytes that an image of so many pixels and channels has in the chunk.
  std::size_t extra_bytes(std::size_t pixels, int channels) const;
};

// Throws ShapeError if a model with `model_channels` cannot code images of `channels`.
SampleShares share_samples(int channels, int sample_bits, int model_channels);

// The chunk of `samples`: what each image has in it, image by image. And back: `count` bytes from
// the metadata of a frame; empty if the file is cut before them. Throws DamagedError.
Chunk write_extra_samples(const Bytes& samples);
Bytes read_extra_samples(const StoredFrame& frame, std::size_t count);

}  // namespace pie

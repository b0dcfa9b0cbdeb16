// The samples of images that no layer of an integer PIE holds: alpha, where the model knows colours
// only, and the low bytes of 16-bit samples. They travel in a chunk of the frame (FORMAT.md, 9.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "lib/container/frame.h"
#include "lib/image/image.h"

namespace pie {

// Samples as symbols are relative to this one, so that raw storage takes 8 bits of them.
inline constexpr int32_t kMiddleSample = 128;

// How the samples of a frame are shared out between the layers and the chunk.
struct SampleShares {
  int coded_channels;  // of the layers, in high bytes
  bool alpha;          // its high bytes are in the chunk
  bool low_bytes;      // of all channels: in the chunk

  bool any_extra() const { return alpha || low_bytes; }
};

// None if a model with `model_channels` cannot code images of `channels`.
std::optional<SampleShares> share_samples(int channels, int sample_bits, int model_channels);

// The first `channels` channels of images.
ImageSet first_channels(const ImageSet& images, int channels);

// Image `i` of a set with the low bytes of all samples of the set, interleaved; none: 8 bits.
Image whole_image(const ImageSet& high_bytes, size_t i, const Bytes& low_bytes);

// The chunk of images, the low bytes of whose samples are given in the same order, interleaved.
Chunk write_extra_samples(const SampleShares& shares, const ImageSet& images,
                          const Bytes& low_bytes);

// What such a chunk holds; empty if there is nothing extra, or the file is cut before it. Throws
// DamagedError.
Bytes read_extra_samples(const StoredFrame& frame, const SampleShares& shares);

// Image `index` of `channels` from `coded`, what its layers hold, and `extra`, what
// read_extra_samples has returned. Where that is lost, alpha is opaque, and low bytes repeat the
// high ones.
Image join_samples(const SampleShares& shares, const ImageSet& coded, int channels,
                   const Bytes& extra, uint64_t index);

}  // namespace pie

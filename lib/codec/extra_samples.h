// The samples of images that no layer holds: alpha, where the model knows colours only, and the low
// bytes of 16-bit samples. They travel in a chunk of the frame (FORMAT.md, 9.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/container/chunk.h"
#include "lib/container/frame_header.h"
#include "lib/image/image.h"
#include "lib/image/image_batch.h"

namespace pie {

// How the samples of a frame are shared out between the layers and the chunk.
struct SampleShares {
  bool all;        // the layers have all bytes of all samples, and not only high ones
  bool alpha;      // its high bytes are in the chunk
  bool low_bytes;  // of all channels: in the chunk

  // `coded`: the channels of items.
  SampleShares(int coded, int channels, int sample_bits)
      : all(coded > channels), alpha(channels > coded), low_bytes(sample_bits == 16 && !all) {}
  bool any_extra() const { return alpha || low_bytes; }
};

// Collects what the chunk will hold.
class ExtraSamplesWriter {
 public:
  explicit ExtraSamplesWriter(const SampleShares& shares) : shares_(shares) {}

  // Image `i` of a batch; images come in order.
  void add(const ImageBatch& images, size_t i);
  Chunk chunk() const;

 private:
  SampleShares shares_;
  Bytes samples_;
};

// What the chunk of a frame holds.
class ExtraSamples {
 public:
  // Reads it from the frame's chunks; there is none where the file is cut before it. Throws
  // DamagedError.
  ExtraSamples(const SampleShares& shares, const FrameHeader& header,
               const std::vector<Chunk>& chunks);

  bool found() const { return !samples_.empty(); }

  // Completes image `index`, whose coded channels are there. Where the chunk is lost, alpha becomes
  // opaque, and low bytes repeat the high ones.
  void complete(Image& image, uint64_t index) const;

 private:
  size_t bytes_of_image() const;

  SampleShares shares_;
  Shape shape_;  // of an image, alpha included
  Bytes samples_;
};

}  // namespace pie

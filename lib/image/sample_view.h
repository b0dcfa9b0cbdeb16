// One byte of every sample of an image where it lies, whatever the order of the samples: images are
// cut into planar tiles, and put together from them, in one step.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/image/image.h"

namespace pie {

// The bytes of a sample's channel, row and column stand at these distances.
template <typename Byte>
struct BasicSampleView {
  Byte* data = nullptr;
  Shape shape;
  std::int64_t channel_step = 0, row_step = 0, column_step = 0;

  Byte* at(std::int64_t channel, std::int64_t row, std::int64_t column) const {
    return data + channel * channel_step + row * row_step + column * column_step;
  }
};
using SampleView = BasicSampleView<const std::uint8_t>;
using MutableSampleView = BasicSampleView<std::uint8_t>;

// The samples of an image of 8 bits, or the high bytes of those of 16; and the low bytes. The image
// must outlive the view.
SampleView high_bytes(const Image& image);
SampleView low_bytes(const Image& image);
MutableSampleView high_bytes(Image& image);
MutableSampleView low_bytes(Image& image);

// All bytes of samples, in 16 bits two channels for each: the high one first.
SampleView all_bytes(const Image& image);
MutableSampleView all_bytes(Image& image);

// Planar samples: channel, row, column.
SampleView planar_view(const Shape& shape, const std::uint8_t* samples);

// The same view of the first `channels` channels, or of the one channel `channel`.
SampleView first_channels(const SampleView& view, std::int64_t channels);
SampleView one_channel(const SampleView& view, std::int64_t channel);

// The share of pixels that equal both their left and their upper neighbour, of those that have
// both.
double flat_share(const SampleView& view);

// Appends all samples of the view in reading order, channels interleaved.
void append_interleaved(const SampleView& view, Bytes& bytes);

}  // namespace pie

#include "lib/image/sample_view.h"

namespace pie {
namespace {

template <typename Byte>
BasicSampleView<Byte> interleaved_view(const Shape& shape, Byte* samples,
                                       std::int64_t bytes_per_sample) {
  const std::int64_t pixel = shape.channels * bytes_per_sample;
  return {samples, shape, bytes_per_sample, shape.width * pixel, pixel};
}

std::int64_t sample_bytes(const Image& image) {
  return static_cast<std::int64_t>(image.bytes_per_sample());
}

}  // namespace

SampleView high_bytes(const Image& image) {
  return interleaved_view(image.shape, image.samples.data(), sample_bytes(image));
}

SampleView low_bytes(const Image& image) {
  return interleaved_view(image.shape, image.samples.data() + 1, sample_bytes(image));
}

MutableSampleView high_bytes(Image& image) {
  return interleaved_view(image.shape, image.samples.data(), sample_bytes(image));
}

MutableSampleView low_bytes(Image& image) {
  return interleaved_view(image.shape, image.samples.data() + 1, sample_bytes(image));
}

SampleView planar_view(const Shape& shape, const std::uint8_t* samples) {
  return {samples, shape, shape.pixels(), shape.width, 1};
}

SampleView first_channels(const SampleView& view, std::int64_t channels) {
  SampleView first = view;
  first.shape.channels = channels;
  return first;
}

SampleView one_channel(const SampleView& view, std::int64_t channel) {
  SampleView one = first_channels(view, 1);
  one.data += channel * view.channel_step;
  return one;
}

void append_interleaved(const SampleView& view, Bytes& bytes) {
  const Shape& shape = view.shape;
  for (std::int64_t row = 0; row < shape.height; ++row) {
    for (std::int64_t column = 0; column < shape.width; ++column) {
      for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
        bytes.push_back(*view.at(channel, row, column));
      }
    }
  }
}

}  // namespace pie

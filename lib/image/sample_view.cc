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

SampleView all_bytes(const Image& image) {
  auto shape = image.shape;
  shape.channels *= sample_bytes(image);
  return interleaved_view(shape, image.samples.data(), 1);
}

MutableSampleView all_bytes(Image& image) {
  auto shape = image.shape;
  shape.channels *= sample_bytes(image);
  return interleaved_view(shape, image.samples.data(), 1);
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

double flat_share(const SampleView& view) {
  const Shape& shape = view.shape;
  std::int64_t flat = 0;
  for (std::int64_t row = 1; row < shape.height; ++row) {
    for (std::int64_t column = 1; column < shape.width; ++column) {
      bool equal = true;
      for (std::int64_t c = 0; c < shape.channels && equal; ++c) {
        const std::uint8_t own = *view.at(c, row, column);
        equal = own == *view.at(c, row, column - 1) && own == *view.at(c, row - 1, column);
      }
      flat += equal ? 1 : 0;
    }
  }
  const std::int64_t all = (shape.height - 1) * (shape.width - 1);
  return all == 0 ? 0 : static_cast<double>(flat) / static_cast<double>(all);
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

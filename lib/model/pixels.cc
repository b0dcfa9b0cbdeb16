#include "lib/model/pixels.h"

#include <algorithm>
#include <cstring>

#include "lib/base/random.h"
#include "lib/numerics/batches.h"

namespace pie {
namespace {

std::vector<int64_t> batch_shape(const ImageSet& images) {
  const auto& shape = images.shape();
  return {static_cast<int64_t>(images.size()), shape.channels, shape.height, shape.width};
}

// x = (u + offset) / 256 of each sample u; fill(k, out, count) writes the offsets of image k.
template <typename Fill>
torch::Tensor between_levels(const ImageSet& images, const Fill& fill) {
  auto x = torch::empty(batch_shape(images));
  float* const out = x.data_ptr<float>();
  const auto samples = static_cast<size_t>(images.shape().elements());
  // Not by operations on all samples: while training, their threads and the replicas' would wait
  // for each other.
  for_each_batch(images.size(), 16, [&](size_t begin, size_t end) {
    for (size_t k = begin; k < end; ++k) {
      const uint8_t* levels = images.data() + k * samples;
      float* values = out + k * samples;
      fill(k, values, samples);
      for (size_t i = 0; i < samples; ++i) values[i] = (values[i] + levels[i]) / 256;
    }
  });
  return x;
}

}  // namespace

torch::Tensor to_levels(const ImageSet& images) {
  auto bytes = torch::empty(batch_shape(images), torch::kUInt8);
  std::memcpy(bytes.data_ptr<uint8_t>(), images.data(), images.pixels().size());
  return bytes.to(torch::kFloat32);
}

torch::Tensor to_unit(const ImageSet& images) {
  return between_levels(images,
                        [](size_t, float* out, size_t count) { std::fill_n(out, count, 0.5F); });
}

torch::Tensor dequantize(const ImageSet& images, const std::vector<size_t>& indices, uint64_t seed,
                         uint64_t draw) {
  return between_levels(images, [&](size_t k, float* out, size_t count) {
    // 2^40 images and 2^24 draws have streams of their own.
    CounterRandom(seed, draw << 40 | indices[k]).fill_uniform(out, count);
  });
}

ImageSet to_images(const torch::Tensor& x) {
  return from_levels(torch::nan_to_num(x.detach() * 256, 0.0, 255.0, 0.0).floor().clamp(0, 255));
}

ImageSet from_levels(const torch::Tensor& levels) {
  const auto bytes = levels.to(torch::kCPU, torch::kUInt8).contiguous();
  const uint8_t* data = bytes.data_ptr<uint8_t>();
  return ImageSet({bytes.size(1), bytes.size(2), bytes.size(3)}, Bytes(data, data + bytes.numel()));
}

}  // namespace pie

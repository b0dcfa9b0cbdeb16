#include "lib/model/pixels.h"

#include <ATen/Parallel.h>

#include <cstring>
#include <utility>

#include "lib/base/random.h"

namespace pie {

torch::Tensor to_levels(const ImageSet& images) {
  const auto& g = images.shape();
  const std::vector<int64_t> shape{static_cast<int64_t>(images.size()), g.channels, g.height,
                                   g.width};
  auto bytes = torch::empty(shape, torch::kUInt8);
  std::memcpy(bytes.data_ptr<uint8_t>(), images.data(), images.pixels().size());
  return bytes.to(torch::kFloat32);
}

torch::Tensor to_unit(const ImageSet& images) { return to_levels(images).add_(0.5).div_(256); }

torch::Tensor dequantize(const ImageSet& images, const std::vector<size_t>& indices, uint64_t seed,
                         uint64_t draw) {
  const int64_t stride = images.shape().elements();
  auto noise = torch::empty({static_cast<int64_t>(images.size()), stride});
  float* out = noise.data_ptr<float>();
  at::parallel_for(0, noise.size(0), 16, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      // 2^40 images and 2^24 draws have streams of their own.
      const uint64_t stream = draw << 40 | indices[static_cast<size_t>(k)];
      CounterRandom(seed, stream).fill_uniform(out + k * stride, static_cast<size_t>(stride));
    }
  });
  auto x = to_levels(images);
  return x.add_(noise.view_as(x)).div_(256);
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

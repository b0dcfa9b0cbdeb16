#include "lib/codec/latent_codec.h"

#include <algorithm>
#include <utility>

#include "lib/model/pixels.h"
#include "lib/numerics/batches.h"

namespace pie {
namespace {

// The quantization step of z, and of r_l divided by eps0.
double step_size(uint32_t step) { return static_cast<double>(step) / 1024; }

// Nearest multiples of `step`, as integers; what is not finite becomes 0.
torch::Tensor quantize(const torch::Tensor& values, double step) {
  constexpr double kLargest = 1 << 30;
  return torch::nan_to_num(values / step, 0.0, kLargest, -kLargest)
      .round()
      .clamp(-kLargest, kLargest)
      .to(torch::kInt32);
}

torch::Tensor dequantize(const torch::Tensor& symbols, double step) {
  return symbols.to(torch::kFloat32) * step;
}

// Writes the first `items` rows of `symbols` to the place of item `begin`.
void store(std::vector<int32_t>& to, size_t begin, const torch::Tensor& symbols, size_t items) {
  const auto flat = symbols.contiguous();
  const auto each = static_cast<size_t>(flat.numel() / flat.size(0));
  std::copy_n(flat.data_ptr<int32_t>(), items * each,
              to.begin() + static_cast<std::ptrdiff_t>(begin * each));
}

// `images` with black ones appended up to the batch size.
ImageSet padded(const ImageSet& images) {
  Bytes pixels = images.pixels();
  pixels.resize(kLatentBatch * images.geometry().elements());
  return {images.geometry(), std::move(pixels)};
}

}  // namespace

std::vector<size_t> latent_symbols_per_item(const LatentModel& model) {
  std::vector<size_t> counts{static_cast<size_t>(model.latent_shape().elements())};
  const auto& shapes = model.residual_shapes();
  for (auto shape = shapes.rbegin(); shape != shapes.rend(); ++shape) {
    counts.push_back(static_cast<size_t>(shape->elements()));
  }
  return counts;
}

ImageSet decode_latent_items(LatentModel& model, const std::vector<std::vector<int32_t>>& layers,
                             size_t items, uint32_t step) {
  const auto counts = latent_symbols_per_item(model);
  const auto input = to_geometry(model.input_shape());
  const size_t residuals = counts.size() - 1;
  ImageSet images(input, items);
  for_each_batch(items, kLatentBatch, [&](size_t begin, size_t end) {
    const size_t n = end - begin;
    const auto batch = [&](size_t layer, Shape3 shape) {
      auto symbols = torch::zeros(
          {static_cast<int64_t>(kLatentBatch), shape.channels, shape.height, shape.width},
          torch::kInt32);
      const auto* from = layers[layer].data() + begin * counts[layer];
      std::copy_n(from, n * counts[layer], symbols.data_ptr<int32_t>());
      return symbols;
    };
    const auto z = dequantize(batch(0, model.latent_shape()), step_size(step));
    const auto x = model.decode(z, [&](size_t l, const torch::Tensor& mean) {
      const size_t layer = residuals - l;
      if (layer >= layers.size()) return mean;
      const double scale = step_size(step) * model.eps0();
      return mean + dequantize(batch(layer, model.residual_shapes()[l]), scale);
    });
    const auto decoded = to_images(x);
    std::copy_n(decoded.data(), n * input.elements(), images.data(begin));
  });
  return images;
}

std::vector<std::vector<int32_t>> quantized_latents(LatentModel& model, const ImageSet& items,
                                                    int layers, uint32_t step, torch::Tensor& z) {
  const auto counts = latent_symbols_per_item(model);
  const double z_step = step_size(step);
  const double r_step = z_step * model.eps0();
  std::vector<std::vector<int32_t>> symbols(static_cast<size_t>(layers));
  for (size_t layer = 0; layer < symbols.size(); ++layer) {
    symbols[layer].resize(items.size() * counts[layer]);
  }
  z = torch::empty({static_cast<int64_t>(items.size()), model.latent_shape().elements()});
  for_each_batch(items.size(), kLatentBatch, [&](size_t begin, size_t end) {
    const size_t n = end - begin;
    const auto latents = model.latents(to_unit(padded(items.slice(begin, end))));
    z.slice(0, static_cast<int64_t>(begin), static_cast<int64_t>(end))
        .copy_(latents.z.narrow(0, 0, static_cast<int64_t>(n)).flatten(1));
    const auto quantized = quantize(latents.z, z_step);
    store(symbols[0], begin, quantized, n);
    if (layers == 1) return;
    model.decode(dequantize(quantized, z_step), [&](size_t l, const torch::Tensor& mean) {
      const size_t layer = counts.size() - 1 - l;
      if (layer >= symbols.size()) return mean;
      const auto e = quantize(latents.r[l] - mean, r_step);
      store(symbols[layer], begin, e, n);
      return mean + dequantize(e, r_step);
    });
  });
  return symbols;
}

}  // namespace pie

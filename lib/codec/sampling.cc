#include "lib/codec/sampling.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/random.h"
#include "lib/codec/codec.h"
#include "lib/model/pixels.h"
#include "lib/numerics/batches.h"

namespace pie {
namespace {

constexpr size_t kSampleBatch = 64;

// Standard normal values for samples first, first + 1, ...: stream `part` of each sample.
torch::Tensor normals(Shape3 shape, size_t first, size_t count, uint64_t part, uint64_t seed) {
  auto values =
      torch::empty({static_cast<int64_t>(count), shape.channels, shape.height, shape.width});
  const auto each = static_cast<size_t>(shape.elements());
  for (size_t k = 0; k < count; ++k) {
    CounterRandom(seed, part << 40 | (first + k))
        .fill_normal(values.data_ptr<float>() + k * each, each);
  }
  return values;
}

// Draws levels by their exact probabilities; of layers behind z only with a residual temperature.
ImageSet sample_levels(IntegerPie& model, size_t count, const SamplingOptions& options) {
  if (options.temperature != 1 ||
      (options.residual_temperature != 0 && options.residual_temperature != 1)) {
    throw UsageError(
        "an integer PIE has no temperatures: --temperature must be 1, --residual-temperature 0 or "
        "1");
  }
  const auto shape = model.input_shape();
  const auto planes = model.planes(shape.height, shape.width);
  ImageSet images(to_geometry(shape), count);
  for (size_t first = 0; first < count; first += kSampleBatch) {
    const size_t n = std::min(kSampleBatch, count - first);
    const auto levels = model.generate(
        static_cast<int64_t>(n), shape.height, shape.width,
        [&](size_t plane, const torch::Tensor& indices) {
          if (planes[plane].layer > 0 && options.residual_temperature == 0) {
            return model.medians(indices);
          }
          const auto each = static_cast<size_t>(planes[plane].samples());
          std::vector<uint32_t> slots(n * each);
          for (size_t i = 0; i < slots.size(); ++i) {
            const CounterRandom random(options.seed, plane << 40 | (first + i / each));
            slots[i] = random.bits(i % each) >> (32 - LogisticMixture::kTotalBits);
          }
          return model.draws(indices, slots);
        });
    const auto drawn = from_levels(levels);
    std::copy_n(drawn.data(), drawn.pixels().size(), images.data(first));
  }
  return images;
}

}  // namespace

ImageSet sample(const LoadedModel& loaded, size_t count, const SamplingOptions& options) {
  if (const auto integer = loaded.integer()) return sample_levels(*integer, count, options);
  auto& model = loaded.latent_model();
  if (model.likelihood() == Likelihood::kNone) {
    throw UsageError("the model " + loaded.name() + " has no density to sample from");
  }
  ImageSet images(to_geometry(model.input_shape()), count);
  for_each_batch(count, kSampleBatch, [&](size_t first, size_t last) {
    // Always whole batches, because rounding may depend on their size.
    const auto z =
        normals(model.latent_shape(), first, kSampleBatch, 0, options.seed) * options.temperature;
    const auto x = model.decode(z, [&](size_t l, const torch::Tensor& mean) {
      if (options.residual_temperature == 0) return mean;
      const auto noise =
          normals(model.residual_shapes()[l], first, kSampleBatch, l + 1, options.seed);
      return mean + noise * (options.residual_temperature * model.eps0());
    });
    std::copy_n(to_images(x).data(), (last - first) * images.geometry().elements(),
                images.data(first));
  });
  return images;
}

ImageSet interpolate(const LoadedModel& loaded, const ImageSet& ends, size_t steps) {
  if (steps < 2 || ends.size() != 2) {
    throw UsageError("an interpolation needs two images and at least 2 steps");
  }
  const auto z = encode_latents(loaded, ends);
  const auto weight = torch::linspace(0, 1, static_cast<int64_t>(steps)).unsqueeze(1);
  return decode_latents(loaded, z[0] * (1 - weight) + z[1] * weight);
}

}  // namespace pie

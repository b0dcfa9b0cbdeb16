#include "lib/codec/latent_coder.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/random.h"
#include "lib/coding/layer_coder.h"
#include "lib/model/pixels.h"
#include "lib/numerics/batches.h"

namespace pie {
namespace {

// Items a network call holds; the last batch is filled up with black ones. Small, because a file of
// one image pays for a whole batch.
constexpr size_t kBatch = 16;
constexpr size_t kSampleBatch = 64;

// The quantization step of z, and of r_l divided by eps0.
double step_size(uint32_t step) { return static_cast<double>(step) / kUnitsPerSigma; }

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

// The items [begin, end) with black ones appended up to the batch size, as pixels.
torch::Tensor batch_of(const ImageSet& items, size_t begin, size_t end) {
  Bytes pixels(items.data(begin), items.data(end));
  pixels.resize(kBatch * static_cast<size_t>(items.shape().elements()));
  return to_unit(ImageSet(items.shape(), std::move(pixels)));
}

// Standard normal values for samples first, first + 1, ...: stream `part` of each sample.
torch::Tensor normals(const Shape& shape, size_t first, size_t count, uint64_t part,
                      uint64_t seed) {
  auto values =
      torch::empty({static_cast<int64_t>(count), shape.channels, shape.height, shape.width});
  const auto each = static_cast<size_t>(shape.elements());
  for (size_t k = 0; k < count; ++k) {
    CounterRandom(seed, part << 40 | (first + k))
        .fill_normal(values.data_ptr<float>() + k * each, each);
  }
  return values;
}

double ideal_bits(const std::vector<int32_t>& symbols, const NormalSymbols& table) {
  std::map<int32_t, uint64_t> histogram;
  for (const int32_t k : symbols) ++histogram[k];
  double bits = 0;
  for (const auto& [k, count] : histogram) {
    bits += static_cast<double>(count) * table.ideal_bits(k);
  }
  return bits;
}

class LatentCoder final : public ItemCoder {
 public:
  explicit LatentCoder(std::shared_ptr<LatentModel> model) : model_(std::move(model)) {
    counts_.push_back(static_cast<size_t>(model_->latent_shape().elements()));
    const auto& shapes = model_->residual_shapes();
    for (auto shape = shapes.rbegin(); shape != shapes.rend(); ++shape) {
      counts_.push_back(static_cast<size_t>(shape->elements()));
    }
  }

  bool exact() const override { return false; }
  int coded_channels(int channels, int sample_bits) const override {
    return sample_bits == 8 && channels == model_->input_shape().channels ? channels : 0;
  }
  Shape item_shape(const Shape&) const override { return model_->input_shape(); }
  std::vector<size_t> symbols_per_item(const Shape&) const override { return counts_; }
  // One block keeps all threads busy.
  size_t blocks_at_once() const override { return 1; }

  EncodedItems encode(const ImageSet& items, const ItemCoding& how) override {
    const NormalSymbols table(how.step);
    EncodedItems result;
    for (const auto& symbols :
         quantized(items, static_cast<size_t>(how.layers), step_size(how.step))) {
      result.layers.push_back(encode_symbols(symbols.data(), symbols.size(), table));
      result.ideal_bits.push_back(ideal_bits(symbols, table));
    }
    return result;
  }

  ImageSet decode(const StoredFrame& frame, uint64_t block, const Shape&, int layers) override {
    const NormalSymbols table(frame.header().step);
    const auto items = static_cast<size_t>(frame.header().items_in_block(block));
    std::vector<std::vector<int32_t>> symbols;
    for (int layer = 0; layer < layers; ++layer) {
      const auto coded = frame.block(layer, block);
      const size_t count = items * counts_[static_cast<size_t>(layer)];
      try {
        symbols.push_back(
            decode_symbols(coded.mode, {coded.bytes.data(), coded.bytes.size()}, count, table));
      } catch (const DamagedError& error) {
        throw frame.disagreement(layer, block, error);
      }
      frame.verify_symbols(layer, block, symbols.back());
    }
    return dequantized(symbols, items, step_size(frame.header().step));
  }

  torch::Tensor latents(const ImageSet& items) override {
    const auto d = static_cast<int64_t>(counts_[0]);
    auto z = torch::empty({static_cast<int64_t>(items.size()), d});
    for_each_batch(items.size(), kBatch, [&](size_t begin, size_t end) {
      const auto part = z.slice(0, static_cast<int64_t>(begin), static_cast<int64_t>(end));
      part.copy_(latents_of(items, begin, end).z.narrow(0, 0, part.size(0)).flatten(1));
    });
    return z;
  }

  ImageSet from_latents(const torch::Tensor& z) override {
    const auto shape = model_->latent_shape();
    if (z.dim() != 2 || z.size(1) != shape.elements()) {
      throw ShapeError("latents of this model are [N, " + std::to_string(shape.elements()) +
                       "], not " + c10::str(z.sizes()));
    }
    ImageSet images(model_->input_shape(), static_cast<size_t>(z.size(0)));
    for_each_batch(images.size(), kBatch, [&](size_t begin, size_t end) {
      const auto part = z.slice(0, static_cast<int64_t>(begin), static_cast<int64_t>(end));
      const auto rows = part.reshape({-1, shape.channels, shape.height, shape.width});
      const auto pixels =
          to_images(decoded(rows, [](size_t, const torch::Tensor& mean) { return mean; }));
      std::copy(pixels.pixels().begin(), pixels.pixels().end(), images.data(begin));
    });
    return images;
  }

  ImageSet draw(size_t count, const SamplingOptions& options) override {
    ImageSet images(model_->input_shape(), count);
    for_each_batch(
        count, kSampleBatch,
        [&](size_t first, size_t last) {
          // Always whole batches, because rounding may depend on their size.
          const auto z = normals(model_->latent_shape(), first, kSampleBatch, 0, options.seed) *
                         options.temperature;
          const auto x = decoded(z, [&](size_t l, const torch::Tensor& mean) {
            if (options.residual_temperature == 0) return mean;
            const auto noise =
                normals(model_->residual_shapes()[l], first, kSampleBatch, l + 1, options.seed);
            return mean + noise * (options.residual_temperature * model_->eps0());
          });
          std::copy_n(to_images(x).data(),
                      (last - first) * static_cast<size_t>(images.shape().elements()),
                      images.data(first));
        },
        options.progress);
    return images;
  }

 private:
  // The model computes on its device, all else happens on the CPU.
  Latents latents_of(const ImageSet& items, size_t begin, size_t end) const {
    auto latents = model_->latents(batch_of(items, begin, end).to(model_->device()));
    latents.z = latents.z.cpu();
    for (auto& r : latents.r) r = r.cpu();
    return latents;
  }
  torch::Tensor decoded(const torch::Tensor& z, const LatentModel::ResidualChoice& residual) const {
    const auto device = model_->device();
    return model_->decode(z.to(device), [&](size_t l, const torch::Tensor& mean) {
      return residual(l, mean.cpu()).to(device);
    });
  }

  // The symbols of the first `layers` layers of items, item by item.
  std::vector<std::vector<int32_t>> quantized(const ImageSet& items, size_t layers,
                                              double z_step) const {
    const double r_step = z_step * model_->eps0();
    std::vector<std::vector<int32_t>> symbols(layers);
    for (size_t layer = 0; layer < layers; ++layer) {
      symbols[layer].resize(items.size() * counts_[layer]);
    }
    for_each_batch(items.size(), kBatch, [&](size_t begin, size_t end) {
      const size_t n = end - begin;
      const auto latents = latents_of(items, begin, end);
      const auto z = quantize(latents.z, z_step);
      store(symbols[0], begin, z, n);
      if (layers == 1) return;
      decoded(dequantize(z, z_step), [&](size_t l, const torch::Tensor& mean) {
        const size_t layer = counts_.size() - 1 - l;
        if (layer >= layers) return mean;
        const auto e = quantize(latents.r[l] - mean, r_step);
        store(symbols[layer], begin, e, n);
        return mean + dequantize(e, r_step);
      });
    });
    return symbols;
  }

  // The items with these symbols in each decoded layer.
  ImageSet dequantized(const std::vector<std::vector<int32_t>>& layers, size_t items,
                       double z_step) const {
    ImageSet images(model_->input_shape(), items);
    for_each_batch(items, kBatch, [&](size_t begin, size_t end) {
      const size_t n = end - begin;
      const auto batch = [&](size_t layer, const Shape& shape) {
        auto symbols =
            torch::zeros({static_cast<int64_t>(kBatch), shape.channels, shape.height, shape.width},
                         torch::kInt32);
        std::copy_n(layers[layer].data() + begin * counts_[layer], n * counts_[layer],
                    symbols.data_ptr<int32_t>());
        return symbols;
      };
      const auto z = dequantize(batch(0, model_->latent_shape()), z_step);
      const auto x = decoded(z, [&](size_t l, const torch::Tensor& mean) {
        const size_t layer = counts_.size() - 1 - l;
        if (layer >= layers.size()) return mean;
        return mean +
               dequantize(batch(layer, model_->residual_shapes()[l]), z_step * model_->eps0());
      });
      std::copy_n(to_images(x).data(), n * static_cast<size_t>(images.shape().elements()),
                  images.data(begin));
    });
    return images;
  }

  std::shared_ptr<LatentModel> model_;
  std::vector<size_t> counts_;  // of symbols of an item in each layer
};

}  // namespace

std::shared_ptr<ItemCoder> make_latent_coder(std::shared_ptr<LatentModel> model) {
  return std::make_shared<LatentCoder>(std::move(model));
}

}  // namespace pie

#include "lib/codec/integer_coder.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/random.h"
#include "lib/codec/stored_layer.h"
#include "lib/coding/layer_coder.h"
#include "lib/model/pixels.h"

namespace pie {
namespace {

// The largest side of a tile where the model takes any size.
constexpr int64_t kTileSide = 256;
constexpr size_t kSampleBatch = 64;

// The side of equal tiles, as large as they may be.
int64_t tile_side(int64_t side) {
  const int64_t tiles = (side + kTileSide - 1) / kTileSide;
  return (side + tiles - 1) / tiles;
}

MixtureRows rows_of(const IntegerPie& model, const torch::Tensor& indices) {
  return {indices.data_ptr<int32_t>(), model.components(), static_cast<size_t>(indices.size(0))};
}

class IntegerCoder final : public ItemCoder {
 public:
  explicit IntegerCoder(std::shared_ptr<IntegerPie> model) : model_(std::move(model)) {}

  bool exact() const override { return true; }

  int coded_channels(int channels, int) const override {
    const auto own = static_cast<int>(model_->input_shape().channels);
    if (channels == own) return channels;
    const int colours = channels % 2 == 0 ? channels - 1 : channels;
    return colours == own || (colours == 1 && own == 3) ? colours : 0;
  }

  Shape item_shape(const Shape& image) const override {
    if (model_->any_size()) {
      return {image.channels, tile_side(image.height), tile_side(image.width)};
    }
    auto item = model_->input_shape();
    item.channels = image.channels;
    return item;
  }

  std::vector<size_t> symbols_per_item(const Shape& item) const override {
    std::vector<size_t> counts(model_->layers());
    for (const auto& plane : model_->planes(item.height, item.width)) {
      if (plane.channel < item.channels) {
        counts[plane.layer] += static_cast<size_t>(plane.samples());
      }
    }
    return counts;
  }

  size_t blocks_at_once() const override { return static_cast<size_t>(at::get_num_threads()); }

  // The symbols of a layer are the samples of its planes, plane by plane, and in each plane item by
  // item, row by row.
  EncodedItems encode(const ImageSet& items, int layers, uint32_t) override {
    const auto& item = items.shape();
    const auto planes = model_->planes(item.height, item.width);
    const auto known = split(items);
    std::vector<SampleEncoder> encoders(static_cast<size_t>(layers),
                                        SampleEncoder(model_->mixture()));
    generate(static_cast<int64_t>(items.size()), item,
             [&](size_t plane, const torch::Tensor& indices) {
               if (planes[plane].layer < encoders.size()) {
                 encoders[planes[plane].layer].put(known[plane].data_ptr<float>(),
                                                   rows_of(*model_, indices));
               }
               return known[plane];
             });
    EncodedItems result;
    for (auto& encoder : encoders) {
      result.ideal_bits.push_back(encoder.ideal_bits());
      result.layers.push_back(encoder.finish());
    }
    return result;
  }

  // Samples of missing layers are the medians of what is possible.
  ImageSet decode(const StoredFrame& frame, uint64_t block, const Shape& item,
                  int layers) override {
    const auto items = static_cast<int64_t>(frame.header().items_in_block(block));
    const auto planes = model_->planes(item.height, item.width);
    const auto counts = symbols_per_item(item);
    const auto wanted = static_cast<size_t>(layers);
    std::optional<StoredLayer> current;
    size_t next = 0;  // the layer to be decoded next
    const auto go_to = [&](size_t layer) {
      for (; next <= layer && next < wanted; ++next) {
        if (current) current->finish();
        current.emplace(model_->mixture(), frame, block, static_cast<int>(next),
                        static_cast<size_t>(items) * counts[next]);
      }
    };
    const auto levels = generate(items, item, [&](size_t plane, const torch::Tensor& indices) {
      const size_t layer = planes[plane].layer;
      if (layer >= wanted) return model_->medians(indices);
      go_to(layer);
      auto found = torch::empty({indices.size(0)});
      current->decoder().get(rows_of(*model_, indices), found.data_ptr<float>());
      return found;
    });
    go_to(wanted);  // and layers that have no samples in items so small
    current->finish();
    return from_levels(levels);
  }

  torch::Tensor latents(const ImageSet& items) override {
    const torch::NoGradGuard no_grad;
    const auto known = split(items);
    const auto& item = items.shape();
    const auto planes = model_->planes(item.height, item.width);
    std::vector<torch::Tensor> columns;
    for (size_t p = 0; p < planes.size() && planes[p].layer == 0; ++p) {
      if (planes[p].channel < item.channels) {
        columns.push_back(known[p].view({static_cast<int64_t>(items.size()), -1}));
      }
    }
    return torch::cat(columns, 1);
  }

  ImageSet from_latents(const torch::Tensor& z) override {
    const auto item = model_->input_shape();
    const auto d = static_cast<int64_t>(symbols_per_item(item)[0]);
    if (z.dim() != 2 || z.size(1) != d) {
      throw ShapeError("latents of this model are [N, " + std::to_string(d) + "], not " +
                       c10::str(z.sizes()));
    }
    const auto known = torch::nan_to_num(z).round().clamp(0, 255).to(torch::kFloat32);
    const auto planes = model_->planes(item.height, item.width);
    int64_t used = 0;
    return from_levels(generate(z.size(0), item, [&](size_t plane, const torch::Tensor& indices) {
      if (planes[plane].layer != 0) return model_->medians(indices);
      const int64_t columns = planes[plane].samples();
      used += columns;
      return known.narrow(1, used - columns, columns).reshape({-1});
    }));
  }

  // Draws levels by their exact probabilities; of layers behind z only with a residual temperature.
  ImageSet draw(size_t count, const SamplingOptions& options) override {
    if (options.temperature != 1 ||
        (options.residual_temperature != 0 && options.residual_temperature != 1)) {
      throw UsageError(
          "an integer PIE has no temperatures: that of z must be 1, that of residuals 0 or 1");
    }
    const auto shape = model_->input_shape();
    const auto planes = model_->planes(shape.height, shape.width);
    ImageSet images(shape, count);
    for (size_t first = 0; first < count; first += kSampleBatch) {
      const size_t n = std::min(kSampleBatch, count - first);
      const auto levels =
          generate(static_cast<int64_t>(n), shape, [&](size_t plane, const torch::Tensor& indices) {
            if (planes[plane].layer > 0 && options.residual_temperature == 0) {
              return model_->medians(indices);
            }
            const auto each = static_cast<size_t>(planes[plane].samples());
            std::vector<uint32_t> slots(n * each);
            for (size_t i = 0; i < slots.size(); ++i) {
              const CounterRandom random(options.seed, plane << 40 | (first + i / each));
              slots[i] = random.bits(i % each) >> (32 - LogisticMixture::kTotalBits);
            }
            return model_->draws(indices, slots);
          });
      const auto drawn = from_levels(levels);
      std::copy_n(drawn.data(), drawn.pixels().size(), images.data(first));
    }
    return images;
  }

 private:
  // Builds up items of which the planes of the item's channels are chosen by `choose`, and the
  // others repeat the last of those. Returns levels [n, channels, H, W].
  torch::Tensor generate(int64_t n, const Shape& item, const IntegerPie::PlaneChoice& choose) {
    torch::Tensor last;
    const auto planes = model_->planes(item.height, item.width);
    const auto levels = model_->generate(n, item.height, item.width,
                                         [&](size_t plane, const torch::Tensor& indices) {
                                           if (planes[plane].channel < item.channels)
                                             last = choose(plane, indices);
                                           return last;
                                         });
    return levels.narrow(1, 0, item.channels);
  }

  // The planes of items, those of channels that are not coded included.
  std::vector<torch::Tensor> split(const ImageSet& items) const {
    return model_->split(to_levels(items).expand({-1, model_->input_shape().channels, -1, -1}));
  }

  std::shared_ptr<IntegerPie> model_;
};

}  // namespace

std::shared_ptr<ItemCoder> make_integer_coder(std::shared_ptr<IntegerPie> model) {
  return std::make_shared<IntegerCoder>(std::move(model));
}

}  // namespace pie

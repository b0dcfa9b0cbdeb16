#include "lib/codec/exact_coder.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/random.h"
#include "lib/codec/plane_coder.h"
#include "lib/codec/stored_layer.h"
#include "lib/coding/layer_coder.h"
#include "lib/exact/network.h"
#include "lib/exact/walk.h"
#include "lib/image/resample.h"
#include "lib/model/pixels.h"
#include "lib/numerics/batches.h"

namespace pie {
namespace {

// The largest side of a tile where the model takes any size.
constexpr int64_t kTileSide = 1024;
constexpr size_t kDrawnAtOnce = 64;

// The side of equal tiles, as large as they may be.
int64_t tile_side(int64_t side) {
  const int64_t tiles = (side + kTileSide - 1) / kTileSide;
  return (side + tiles - 1) / tiles;
}

void rows_of_threads(int64_t count, const std::function<void(int64_t, int64_t)>& work) {
  constexpr int64_t kLeast = 8;
  at::parallel_for(0, count, kLeast, work);
}

// What a head says as mixtures, with means no longer relative.
void set_mixtures(const ExactPlane& plane, const HeadIndices& head,
                  const std::vector<int16_t>& bases, PlaneMixtures& mixtures) {
  const int components = mixtures.components, columns = 3 * components;
  mixtures.indices.resize(bases.size() * static_cast<size_t>(columns));
  auto* to = mixtures.indices.data();
  const auto* base = bases.data();
  for (int64_t row = 0; row < head.grid.n * plane.rows; ++row) {
    const int64_t y = row / plane.rows * head.grid.height + row % plane.rows;
    const auto* from = head.data + y * head.grid.width * head.stride;
    for (int64_t x = 0; x < plane.columns; ++x, from += head.stride, to += columns, ++base) {
      for (int k = 0; k < columns; ++k) to[k] = from[k];
      for (int k = components; k < 2 * components; ++k) {
        to[k] = kMeanIndices.nearest(to[k] + *base);
      }
    }
  }
}

class ExactCoder final : public ItemCoder {
 public:
  explicit ExactCoder(FrozenPie pie) : pie_(std::move(pie)) {}

  bool exact() const override { return true; }

  int coded_channels(int channels, int) const override {
    const auto own = static_cast<int>(pie_.input.channels);
    if (channels == own) return channels;
    const int colours = channels % 2 == 0 ? channels - 1 : channels;
    return colours == own || (colours == 1 && own == 3) ? colours : 0;
  }

  Shape item_shape(const Shape& image) const override {
    if (!pie_.view.position) {
      return {image.channels, tile_side(image.height), tile_side(image.width)};
    }
    auto item = pie_.input;
    item.channels = image.channels;
    return item;
  }

  std::vector<size_t> symbols_per_item(const Shape& item) const override {
    std::vector<size_t> counts(static_cast<size_t>(pie_.view.layout.layers) + 1);
    for (const auto& plane : planes_of(item)) {
      if (plane.channel < item.channels) {
        counts[plane.layer] += static_cast<size_t>(plane.samples());
      }
    }
    return counts;
  }

  size_t blocks_at_once() const override { return static_cast<size_t>(at::get_num_threads()); }

  // The symbols of a layer are the samples of its planes, plane by plane, and in each plane item by
  // item, row by row.
  EncodedItems encode(const ImageSet& items, const ItemCoding& how) override {
    const auto& item = items.shape();
    const auto planes = planes_of(item);
    PlaneCoder coder(*pie_.mixture, item.channels, items.size() == 1, rows_of_threads);
    SampleEncoder encoder(*pie_.mixture);
    const auto counts = symbols_per_item(item);
    encoder.reserve(items.size() * *std::max_element(counts.begin(), counts.end()));
    EncodedItems result;
    const auto go_to = [&](size_t layer) {
      while (result.layers.size() < layer) {
        result.ideal_bits.push_back(encoder.ideal_bits());
        result.layers.push_back(encoder.finish());
        coder.end_layer(result.layers.back().mode == BlockMode::kRans);
      }
    };
    generate(
        items.size(), item,
        [&](size_t plane, PlaneMixtures& mixtures, const Surroundings& around) {
          go_to(planes[plane].layer);
          auto known = samples_of(items, planes[plane]);
          coder.encode(encoder, planes[plane], around, mixtures, known);
          return known;
        },
        coded_scale(how.layers));
    go_to(static_cast<size_t>(how.layers));
    return result;
  }

  // Samples of missing layers are medians or interpolated (finest_scale).
  ImageSet decode(const StoredFrame& frame, uint64_t block, const Shape& item,
                  int layers) override {
    const auto items = static_cast<size_t>(frame.header().items_in_block(block));
    const auto planes = planes_of(item);
    const auto counts = symbols_per_item(item);
    const auto wanted = static_cast<size_t>(layers);
    PlaneCoder coder(*pie_.mixture, item.channels, items == 1, rows_of_threads);
    std::optional<StoredLayer> current;
    size_t next = 0;  // the layer to be decoded next
    const auto go_to = [&](size_t layer) {
      for (; next <= layer && next < wanted; ++next) {
        if (current) coder.end_layer(current->finish());
        current.emplace(*pie_.mixture, frame, block, static_cast<int>(next), items * counts[next]);
      }
    };
    auto images = generate(
        items, item,
        [&](size_t plane, PlaneMixtures& mixtures, const Surroundings& around) {
          if (planes[plane].layer >= wanted) return medians(mixtures);
          go_to(planes[plane].layer);
          return coder.decode(current->decoder(), planes[plane], around, mixtures);
        },
        finest_scale(layers));
    go_to(wanted);  // and layers that have no samples in items so small
    current->finish();
    return images;
  }

  torch::Tensor latents(const ImageSet& items) override {
    std::vector<torch::Tensor> columns;
    for (const auto& plane : planes_of(items.shape())) {
      if (plane.layer > 0 || plane.channel >= items.shape().channels) continue;
      const auto known = samples_of(items, plane);
      auto column = torch::empty({static_cast<int64_t>(items.size()), plane.samples()});
      std::copy(known.begin(), known.end(), column.data_ptr<float>());
      columns.push_back(column);
    }
    return torch::cat(columns, 1);
  }

  ImageSet from_latents(const torch::Tensor& z) override {
    const auto& item = pie_.input;
    const auto d = static_cast<int64_t>(symbols_per_item(item)[0]);
    if (z.dim() != 2 || z.size(1) != d) {
      throw ShapeError("latents of this model are [N, " + std::to_string(d) + "], not " +
                       c10::str(z.sizes()));
    }
    const auto known = torch::nan_to_num(z).round().clamp(0, 255).to(torch::kUInt8);
    const auto planes = planes_of(item);
    int64_t used = 0;
    return generate(
        static_cast<size_t>(z.size(0)), item,
        [&](size_t plane, const PlaneMixtures& mixtures, const Surroundings&) {
          if (planes[plane].layer > 0) return medians(mixtures);
          const int64_t columns = planes[plane].samples();
          used += columns;
          const auto own = known.narrow(1, used - columns, columns).contiguous();
          const auto* data = own.data_ptr<uint8_t>();
          return Bytes(data, data + own.numel());
        },
        finest_scale(1));
  }

  // Draws levels by their exact probabilities; of layers behind z only with a residual temperature.
  ImageSet draw(size_t count, const SamplingOptions& options) override {
    if (options.temperature != 1 ||
        (options.residual_temperature != 0 && options.residual_temperature != 1)) {
      throw UsageError(
          "an exact PIE has no temperatures: that of z must be 1, that of residuals 0 or 1");
    }
    const auto planes = planes_of(pie_.input);
    ImageSet images(pie_.input, count);
    for (size_t first = 0; first < count; first += kDrawnAtOnce) {
      const size_t n = std::min(kDrawnAtOnce, count - first);
      const auto drawn = generate(
          n, pie_.input,
          [&](size_t plane, const PlaneMixtures& mixtures, const Surroundings&) {
            if (planes[plane].layer > 0 && options.residual_temperature == 0) {
              return medians(mixtures);
            }
            const auto each = static_cast<size_t>(planes[plane].samples());
            std::vector<uint32_t> slots(n * each);
            for (size_t i = 0; i < slots.size(); ++i) {
              const CounterRandom random(options.seed, plane << 40 | (first + i / each));
              slots[i] = random.bits(i % each) >> (32 - LogisticMixture::kTotalBits);
            }
            return pie_.mixture->owners(slots, mixtures.indices.data(), mixtures.components);
          },
          options.residual_temperature == 0 ? finest_scale(1) : 0);
      std::copy_n(drawn.data(), drawn.pixels().size(), images.data(first));
      tell(options.progress, static_cast<double>(first + n) / static_cast<double>(count));
    }
    return images;
  }

 private:
  std::vector<ExactPlane> planes_of(const Shape& item) const {
    return exact_planes(pie_.view.layout, item.height, item.width);
  }

  // The finest of the scales that the first `layers` layers hold.
  int64_t coded_scale(int layers) const { return pie_.view.layout.layers + 1 - layers; }

  // The scale that images are interpolated from if only the first `layers` layers are there.
  // Networks that know where they are fill in what they find likely; on images of any size, which
  // may be large, a preview shall cost what it shows.
  int64_t finest_scale(int layers) const { return pie_.view.position ? 0 : coded_scale(layers); }

  // The samples of a plane in all items. Of channels that items do not have: of their last.
  Bytes samples_of(const ImageSet& items, const ExactPlane& plane) const {
    const auto& item = items.shape();
    const auto grid = sample_grid(pie_.view.layout, plane);
    const int64_t channel = std::min(plane.channel, item.channels - 1);
    Bytes samples;
    samples.reserve(items.size() * static_cast<size_t>(plane.samples()));
    for (size_t i = 0; i < items.size(); ++i) {
      const auto* from = items.data(i) + coded_channel(item.channels, channel) * item.pixels();
      for (int64_t y = grid.row; y < item.height; y += grid.step) {
        for (int64_t x = grid.column; x < item.width; x += grid.step) {
          samples.push_back(from[y * item.width + x]);
        }
      }
    }
    return samples;
  }

  Bytes medians(const PlaneMixtures& mixtures) const {
    return pie_.mixture->medians(mixtures.indices.data(), mixtures.components, mixtures.samples());
  }

  // Builds up items of which the planes of the item's channels are chosen by `choose`, and the
  // others repeat the last of those. Scales finer than `finest` are interpolated.
  template <typename Choose>
  ImageSet generate(size_t n, const Shape& item, const Choose& choose, int64_t finest = 0) const {
    const auto planes = planes_of(item);
    ExactNetworks networks(pie_.networks, pie_.view.layout.depth, rows_of_threads);
    PlaneMixtures mixtures{{}, pie_.components};
    Bytes last;
    const auto visit = [&](size_t plane, const HeadIndices& head, const std::vector<int16_t>& bases,
                           const Surroundings& around) {
      if (planes[plane].channel < item.channels) {
        set_mixtures(planes[plane], head, bases, mixtures);
        last = choose(plane, mixtures, around);
      }
      return last;
    };
    ExactWalk<ExactNetworks, decltype(visit)> walk(pie_.view, networks, visit);
    const auto channels = walk.run(static_cast<int64_t>(n), item.height, item.width, finest);
    ImageSet images(item, n);
    for (int64_t c = 0; c < item.channels; ++c) {
      const auto to = coded_channel(item.channels, c) * item.pixels();
      const auto& levels = channels[static_cast<size_t>(c)];
      const auto each = static_cast<int64_t>(levels.size() / std::max<size_t>(n, 1));
      for (size_t i = 0; i < n; ++i) {
        const auto first = levels.begin() + static_cast<int64_t>(i) * each;
        const auto whole = interpolate_plane(Bytes(first, first + each), int64_t{1} << finest,
                                             item.height, item.width);
        std::copy(whole.begin(), whole.end(), images.data(i) + to);
      }
    }
    return images;
  }

  FrozenPie pie_;
};

}  // namespace

std::shared_ptr<ItemCoder> make_exact_coder(const ExactPie& model) {
  return std::make_shared<ExactCoder>(model.frozen());
}

}  // namespace pie

#include "lib/codec/integer_codec.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/base/error.h"
#include "lib/codec/extra_samples.h"
#include "lib/model/pixels.h"

namespace pie {
namespace {

// Builds up items of which the planes of the first `channels` channels are chosen by `choose`, and
// the others repeat the last of those. Returns levels [n, channels, H, W].
torch::Tensor generate(IntegerPie& model, int64_t n, const Geometry& item,
                       const IntegerPie::PlaneChoice& choose) {
  torch::Tensor last;
  const auto planes = model.planes(item.height, item.width);
  const auto levels =
      model.generate(n, item.height, item.width, [&](size_t plane, const torch::Tensor& indices) {
        if (planes[plane].channel < item.channels) last = choose(plane, indices);
        return last;
      });
  return levels.narrow(1, 0, item.channels);
}

// The planes of items, those of channels that are not coded included.
std::vector<torch::Tensor> split(const IntegerPie& model, const ImageSet& items) {
  const auto levels = to_levels(items);
  return model.split(levels.expand({-1, model.input_shape().channels, -1, -1}));
}

// Decodes one layer of a block, plane by plane.
class LayerDecoder {
 public:
  LayerDecoder(const IntegerPie& model, const StoredFrame& frame, const Geometry& item, int layer,
               uint64_t block)
      : model_(model), frame_(frame), layer_(layer), block_(block) {
    const auto items = static_cast<size_t>(frame.header().items_in_block(block));
    const auto count = items * integer_symbols_per_item(model, item)[static_cast<size_t>(layer)];
    const auto mode = frame.mode(layer, block);
    const auto bytes = frame.block(layer, block);
    guarded([&] {
      if (mode == BlockMode::kRans) {
        decoder_.emplace(bytes, count);
        symbols_.reserve(count);
      } else {
        symbols_ = decode_plain_symbols(mode, bytes, count);
        for (const int32_t symbol : symbols_) {
          if (symbol < -kMiddleSample || symbol >= kMiddleSample)
            throw DamagedError("not a sample of 8 bits");
        }
        frame_.verify_symbols(layer_, block_, symbols_.data(), symbols_.size());
      }
    });
  }

  torch::Tensor levels(const torch::Tensor& indices) {
    const auto samples = static_cast<size_t>(indices.size(0));
    auto result = torch::empty({indices.size(0)});
    float* levels = result.data_ptr<float>();
    if (decoder_) {
      model_.mixture().decode(*decoder_, indices.data_ptr<int32_t>(), model_.components(), samples,
                              levels);
      for (size_t i = 0; i < samples; ++i) {
        symbols_.push_back(static_cast<int32_t>(levels[i]) - kMiddleSample);
      }
    } else {
      for (size_t i = 0; i < samples; ++i) {
        levels[i] = static_cast<float>(symbols_[used_++] + kMiddleSample);
      }
    }
    return result;
  }

  void finish() {
    if (!decoder_) return;
    guarded([&] { decoder_->finish(); });
    frame_.verify_symbols(layer_, block_, symbols_.data(), symbols_.size());
  }

 private:
  template <typename Work>
  void guarded(const Work& work) const {
    try {
      work();
    } catch (const DamagedError& error) {
      throw frame_.disagreement(layer_, block_, error);
    }
  }

  const IntegerPie& model_;
  const StoredFrame& frame_;
  int layer_;
  uint64_t block_;
  std::optional<RansLanesDecoder> decoder_;  // none if the symbols were stored without a model
  std::vector<int32_t> symbols_;
  size_t used_ = 0;
};

}  // namespace

std::vector<size_t> integer_symbols_per_item(const IntegerPie& model, const Geometry& item) {
  std::vector<size_t> counts(model.layers());
  for (const auto& plane : model.planes(item.height, item.width)) {
    if (plane.channel < item.channels) counts[plane.layer] += static_cast<size_t>(plane.samples());
  }
  return counts;
}

IntegerBlock encode_items(IntegerPie& model, const ImageSet& items, int layers) {
  const auto item = items.geometry();
  const auto planes = model.planes(item.height, item.width);
  const auto known = split(model, items);
  const auto count = static_cast<size_t>(layers);
  std::vector<FineRansEncoder> encoders(count);
  std::vector<std::vector<int32_t>> symbols(count);
  std::vector<LogisticMixture::Interval> intervals;
  IntegerBlock result;
  result.ideal_bits.resize(count);
  generate(model, static_cast<int64_t>(items.size()), item,
           [&](size_t plane, const torch::Tensor& indices) {
             const size_t layer = planes[plane].layer;
             if (layer >= count) return known[plane];
             intervals.resize(static_cast<size_t>(indices.size(0)));
             model.mixture().intervals(known[plane].data_ptr<float>(), indices.data_ptr<int32_t>(),
                                       model.components(), intervals.size(), intervals.data());
             for (const auto& own : intervals) {
               encoders[layer].put(own.start, own.freq, LogisticMixture::kTotalBits);
               result.ideal_bits[layer] += own.bits();
               symbols[layer].push_back(own.level - kMiddleSample);
             }
             return known[plane];
           });
  for (size_t layer = 0; layer < count; ++layer) {
    result.layers.push_back(smallest_block(symbols[layer].data(), symbols[layer].size(),
                                           finish_lanes(encoders[layer])));
  }
  return result;
}

ImageSet decode_items(IntegerPie& model, const StoredFrame& frame, const Geometry& item, int layers,
                      uint64_t block) {
  const auto items = static_cast<int64_t>(frame.header().items_in_block(block));
  const auto planes = model.planes(item.height, item.width);
  std::optional<LayerDecoder> decoder;
  size_t next = 0;  // the layer to be decoded next
  const auto finish = [&] {
    if (decoder) decoder->finish();
    decoder.reset();
  };
  const auto levels = generate(model, items, item, [&](size_t plane, const torch::Tensor& indices) {
    const size_t layer = planes[plane].layer;
    while (next <= layer) {
      finish();
      if (next < static_cast<size_t>(layers)) {
        decoder.emplace(model, frame, item, static_cast<int>(next), block);
      }
      ++next;
    }
    return decoder ? decoder->levels(indices) : model.medians(indices);
  });
  finish();
  // Layers that have no samples in items so small.
  for (; next < static_cast<size_t>(layers); ++next) {
    LayerDecoder(model, frame, item, static_cast<int>(next), block).finish();
  }
  return from_levels(levels);
}

torch::Tensor coarse_samples(IntegerPie& model, const ImageSet& items) {
  const auto known = split(model, items);
  const auto n = static_cast<int64_t>(items.size());
  const auto planes = model.planes(items.geometry().height, items.geometry().width);
  std::vector<torch::Tensor> columns;
  for (size_t p = 0; p < planes.size() && planes[p].layer == 0; ++p) {
    if (planes[p].channel < items.geometry().channels) columns.push_back(known[p].view({n, -1}));
  }
  return torch::cat(columns, 1);
}

ImageSet from_coarse_samples(IntegerPie& model, const torch::Tensor& samples) {
  const auto known = torch::nan_to_num(samples).round().clamp(0, 255).to(torch::kFloat32);
  const auto item = to_geometry(model.input_shape());
  const auto planes = model.planes(item.height, item.width);
  int64_t used = 0;
  return from_levels(
      generate(model, samples.size(0), item, [&](size_t plane, const torch::Tensor& indices) {
        if (planes[plane].layer != 0) return model.medians(indices);
        const int64_t columns = planes[plane].samples();
        used += columns;
        return known.narrow(1, used - columns, columns).reshape({-1});
      }));
}

}  // namespace pie

#include "lib/nets/fused_rows.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "lib/numerics/own_loops.h"
#include "lib/numerics/pair_products.h"
#include "lib/numerics/row_images.h"

namespace pie {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// Small images go together, as many as have this many rows.
constexpr int64_t kRowsOfPart = 200;
// Fixed shares of the images for sums over them, so that a sum does not depend on the thread count:
// as many threads work on a way back at most. Training has one for each of its replicas.
constexpr int64_t kShares = 4;

// Room that is written before it is read.
template <typename T>
using Room = std::unique_ptr<T[]>;
template <typename T>
Room<T> room(int64_t numbers) {
  return Room<T>(new T[static_cast<size_t>(numbers)]);
}

// A network's sizes, and the images that go through it together, a part of all.
struct FusedSizes {
  RowGrid grid;
  int64_t kernel, in, hidden, out, layers;

  FusedSizes(const RowGrid& g, int64_t kernel_size, const variable_list& weights)
      : grid(g),
        kernel(kernel_size),
        in(weights.front().size(0) / (kernel * kernel)),
        hidden(weights.front().size(1)),
        out(weights.back().size(1) / (kernel * kernel)),
        layers(static_cast<int64_t>(weights.size())) {}

  int64_t area() const { return grid.height * grid.width; }
  int64_t part_images() const { return std::max<int64_t>(1, kRowsOfPart / area()); }
  int64_t part_rows() const { return round_up(part_images() * area(), kRowsAtOnce); }
  int64_t parts() const { return (grid.n + part_images() - 1) / part_images(); }
  int64_t first_image(int64_t part) const { return part * part_images(); }
  int64_t images(int64_t part) const { return std::min(part_images(), grid.n - first_image(part)); }
  // Columns of the neighbourhoods of `channels` channels.
  int64_t taps(int64_t channels) const { return kernel * kernel * channels; }
  // The last layer's gradient is summed up transposed: its hidden side is the longer one.
  int64_t gradient_rows(int64_t layer) const {
    return layer == 0 ? taps(in) : layer + 1 < layers ? hidden : taps(out);
  }
  // Where a layer's gradient begins among the sums of a share; for `layers`, where biases' do.
  int64_t gradient_begin(int64_t layer) const {
    int64_t begin = 0;
    for (int64_t i = 0; i < layer; ++i) begin += round_up(gradient_rows(i), kRowsAtOnce) * hidden;
    return begin;
  }
  int64_t bias_begin(int64_t layer) const { return gradient_begin(layers) + layer * hidden; }
  int64_t sums() const { return bias_begin(layers - 1) + out; }
};

// The neighbourhoods of the pixels of a part's images, filled up with rows and columns of zeros.
class Neighbourhoods {
 public:
  Neighbourhoods(const FusedSizes& sizes, int64_t channels)
      : sizes_(sizes),
        channels_(channels),
        stride_(round_up(sizes.taps(channels), kPairColumns)),
        values_(static_cast<size_t>(sizes.part_rows() * stride_)),
        padded_(static_cast<size_t>(padded_numbers(sizes.grid, channels, sizes.kernel))) {}

  // all: the rows of the whole batch.
  RowMatrix of(const float* all, int64_t part) {
    const int64_t area = sizes_.area(), rows = sizes_.images(part) * area;
    const float* from = all + sizes_.first_image(part) * area * channels_;
    for (int64_t row = 0; row < rows; row += area) {
      spread_image(from + row * channels_, padded_.data(), values_.data() + row * stride_,
                   sizes_.grid, channels_, sizes_.kernel, +1, stride_);
    }
    std::fill(values_.begin() + rows * stride_, values_.end(), at::BFloat16(0));
    return {values_.data(), rows, stride_};
  }

 private:
  const FusedSizes& sizes_;
  int64_t channels_, stride_;
  std::vector<at::BFloat16> values_, padded_;
};

// Products that are neighbourhoods of the opposite sign, summed up for the pixels of a part's
// images, from `bias` on, [channels], or from 0.
class CollectedProduct {
 public:
  CollectedProduct(const FusedSizes& sizes, int64_t channels, const float* bias)
      : sizes_(sizes),
        channels_(channels),
        stride_(round_up(sizes.taps(channels), kVector)),
        values_(room<float>(sizes.part_rows() * stride_)),
        start_(static_cast<size_t>(padded_numbers(sizes.grid, channels, sizes.kernel))),
        padded_(start_.size()) {
    if (bias == nullptr) return;
    for (size_t i = 0; i < start_.size(); i += static_cast<size_t>(channels)) {
      std::copy_n(bias, channels, &start_[i]);
    }
  }

  // all: the rows of the whole batch, of which the part's become those of collect(x w).
  void operator()(const RowMatrix& x, const PackedMatrix& w, int64_t part, float* all) {
    multiply(x, w, values_.get());
    const int64_t area = sizes_.area();
    float* to = all + sizes_.first_image(part) * area * channels_;
    for (int64_t row = 0; row < x.rows; row += area) {
      padded_ = start_;
      collect_image(values_.get() + row * stride_, padded_.data(), to + row * channels_,
                    sizes_.grid, channels_, sizes_.kernel, -1, stride_);
    }
  }

 private:
  const FusedSizes& sizes_;
  int64_t channels_, stride_;
  Room<float> values_;
  std::vector<float> start_, padded_;
};

PackedMatrix packed(const torch::Tensor& weight) {
  return pack(weight.data_ptr<float>(), weight.size(0), weight.size(1), weight.stride(0),
              weight.stride(1));
}

// The order of the taps, and with it the sign of their offsets, reversed. t: [kernel^2 * C, H].
torch::Tensor with_taps_reversed(const torch::Tensor& t, int64_t kernel) {
  return t.reshape({kernel * kernel, -1, t.size(1)}).flip(0).view({-1, t.size(1)});
}

// A network's weights, ready for products. Both the last layer's neighbourhoods and those of its
// gradient have their taps reversed, so that rows of taps lie in one piece.
struct FusedWeights {
  std::vector<PackedMatrix> matrices, transposed;
  std::vector<torch::Tensor> biases;

  FusedWeights(const variable_list& weights, variable_list contiguous_biases, int64_t kernel,
               bool backward)
      : biases(std::move(contiguous_biases)) {
    for (size_t i = 0; i < weights.size(); ++i) {
      const bool last = i + 1 == weights.size();
      const auto back = last ? with_taps_reversed(weights[i].t(), kernel) : weights[i].t();
      matrices.push_back(packed(back.t()));
      if (backward) transposed.push_back(packed(back));
    }
  }
};

// What the layers of a network take in for a part of the images.
class LayerInputs {
 public:
  LayerInputs(const FusedSizes& sizes, const FusedWeights& weights)
      : weights_(weights), first_(sizes, sizes.in), inputs_(static_cast<size_t>(sizes.layers)) {
    for (int64_t i = 1; i < sizes.layers; ++i) {
      hidden_.push_back(room<at::BFloat16>(sizes.part_rows() * sizes.hidden));
    }
  }

  const std::vector<RowMatrix>& of(const float* all, int64_t part) {
    inputs_[0] = first_.of(all, part);
    for (size_t i = 0; i + 1 < inputs_.size(); ++i) {
      const auto& matrix = weights_.matrices[i];
      multiply_relu(inputs_[i], matrix, weights_.biases[i].data_ptr<float>(), hidden_[i].get());
      inputs_[i + 1] = {hidden_[i].get(), inputs_[i].rows, matrix.columns};
    }
    return inputs_;
  }

 private:
  const FusedWeights& weights_;
  Neighbourhoods first_;
  std::vector<Room<at::BFloat16>> hidden_;
  std::vector<RowMatrix> inputs_;
};

// The way back, for one part of the images after the other.
class FusedBackward {
 public:
  FusedBackward(const FusedSizes& sizes, const FusedWeights& weights)
      : sizes_(sizes),
        weights_(weights),
        inputs_(sizes, weights),
        gradients_(sizes, sizes.out),
        to_rows_(sizes, sizes.in, nullptr) {
    const int64_t rows = sizes.part_rows();
    const int64_t widest = std::max({sizes.hidden, sizes.taps(sizes.in), sizes.taps(sizes.out)});
    for (auto& buffer : back_) buffer = room<at::BFloat16>(rows * sizes.hidden);
    for (auto& buffer : paired_) {
      buffer = room<at::BFloat16>(rows * round_up(widest, kPairColumns) + 2 * kRowsAtOnce);
    }
  }

  // A part's gradient by the rows; those by weights and biases are added to `sums`.
  void add(int64_t part, const float* rows, const float* grad_out, float* grad_rows, float* sums) {
    const auto& inputs = inputs_.of(rows, part);
    auto g = gradients_.of(grad_out, part);
    const float* given = grad_out + sizes_.first_image(part) * sizes_.area() * sizes_.out;
    float* last_bias = sums + sizes_.bias_begin(sizes_.layers - 1);
    for (int64_t row = 0; row < g.rows; ++row, given += sizes_.out) {
      for (int64_t c = 0; c < sizes_.out; ++c) last_bias[c] += given[c];
    }
    for (int64_t layer = sizes_.layers - 1; layer >= 0; --layer) {
      const auto& input = inputs[static_cast<size_t>(layer)];
      const auto& weight = weights_.transposed[static_cast<size_t>(layer)];
      const auto x = paired(input, paired_[0]), y = paired(g, paired_[1]);
      float* gradient = sums + sizes_.gradient_begin(layer);
      if (layer + 1 < sizes_.layers) {
        add_products(x, sizes_.gradient_rows(layer), y, gradient);
      } else {
        add_products(y, sizes_.gradient_rows(layer), x, gradient);
      }
      if (layer == 0) {
        to_rows_(g, weight, part, grad_rows);
      } else {
        auto& back = back_[layer % 2];
        multiply_masked(g, weight, input.values, back.get(), sums + sizes_.bias_begin(layer - 1));
        g = {back.get(), g.rows, weight.columns};
      }
    }
  }

 private:
  static RowMatrix paired(const RowMatrix& x, const Room<at::BFloat16>& out) {
    const RowMatrix even{x.values, round_up(x.rows, 2), x.stride};
    pair_rows(even, out.get());
    return {out.get(), even.rows, even.stride};
  }

  const FusedSizes& sizes_;
  const FusedWeights& weights_;
  LayerInputs inputs_;
  Neighbourhoods gradients_;
  CollectedProduct to_rows_;
  Room<at::BFloat16> back_[2], paired_[2];
};

// Inputs: rows [M, in], then weights, then biases. Nothing but these is kept for the way back: to
// compute the layers again takes less time than to fetch them from memory.
class FusedRowsFunction : public torch::autograd::Function<FusedRowsFunction> {
 public:
  static Variable forward(AutogradContext* ctx, RowGrid grid, int64_t kernel,
                          at::TensorList inputs) {
    variable_list saved = inputs.vec();
    saved[0] = saved[0].contiguous();
    ctx->save_for_backward(saved);
    ctx->saved_data["n"] = grid.n;
    ctx->saved_data["height"] = grid.height;
    ctx->saved_data["width"] = grid.width;
    ctx->saved_data["kernel"] = kernel;

    const FusedSizes sizes(grid, kernel, weights_of(saved));
    const FusedWeights weights(weights_of(saved), biases_of(saved), kernel, false);
    auto out = torch::empty({grid.rows(), sizes.out}, saved[0].options());
    at::parallel_for(0, sizes.parts(), 1, [&](int64_t begin, int64_t end) {
      LayerInputs layer_inputs(sizes, weights);
      CollectedProduct to_out(sizes, sizes.out, weights.biases.back().data_ptr<float>());
      for (int64_t part = begin; part < end; ++part) {
        const auto& last = layer_inputs.of(saved[0].data_ptr<float>(), part).back();
        to_out(last, weights.matrices.back(), part, out.data_ptr<float>());
      }
    });
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grad_outputs) {
    const auto saved = ctx->get_saved_variables();
    const int64_t kernel = ctx->saved_data["kernel"].toInt();
    const auto weight_tensors = weights_of(saved);
    const FusedSizes sizes({ctx->saved_data["n"].toInt(), ctx->saved_data["height"].toInt(),
                            ctx->saved_data["width"].toInt()},
                           kernel, weight_tensors);
    const FusedWeights weights(weight_tensors, biases_of(saved), kernel, true);

    const auto& rows = saved[0];
    const auto grad_out = grad_outputs[0].contiguous();
    auto grad_rows = torch::empty_like(rows);
    auto sums = torch::zeros({kShares, sizes.sums()}, rows.options());
    at::parallel_for(0, kShares, 1, [&](int64_t begin, int64_t end) {
      FusedBackward backward(sizes, weights);
      for (int64_t share = begin; share < end; ++share) {
        const int64_t first = sizes.parts() * share / kShares;
        for (int64_t part = first; part < sizes.parts() * (share + 1) / kShares; ++part) {
          backward.add(part, rows.data_ptr<float>(), grad_out.data_ptr<float>(),
                       grad_rows.data_ptr<float>(), sums.data_ptr<float>() + share * sums.size(1));
        }
      }
    });

    const auto total = sums.sum(0);
    variable_list grads(2);  // grid and kernel have no gradient
    grads.push_back(grad_rows);
    for (int64_t i = 0; i < sizes.layers; ++i) {
      const int64_t used = sizes.gradient_rows(i);
      const auto gradient =
          total.narrow(0, sizes.gradient_begin(i), used * sizes.hidden).view({used, sizes.hidden});
      grads.push_back(i + 1 < sizes.layers ? gradient : with_taps_reversed(gradient, kernel).t());
    }
    for (int64_t i = 0; i < sizes.layers; ++i) {
      const int64_t outputs = i + 1 < sizes.layers ? sizes.hidden : sizes.out;
      grads.push_back(total.narrow(0, sizes.bias_begin(i), outputs));
    }
    return grads;
  }

 private:
  static variable_list weights_of(const variable_list& inputs) {
    const auto layers = static_cast<std::ptrdiff_t>(inputs.size() / 2);
    return {inputs.begin() + 1, inputs.begin() + 1 + layers};
  }

  static variable_list biases_of(const variable_list& inputs) {
    variable_list biases;
    for (size_t i = 1 + inputs.size() / 2; i < inputs.size(); ++i) {
      biases.push_back(inputs[i].contiguous());
    }
    return biases;
  }
};

}  // namespace

bool can_fuse_rows(const torch::Tensor& rows, int64_t kernel,
                   const std::vector<torch::Tensor>& weights) {
  return kernel > 1 && own_loops(rows) && rows.scalar_type() == torch::kFloat32 &&
         weights[0].scalar_type() == torch::kFloat32 && weights[0].size(1) % kPairColumns == 0 &&
         has_pair_products();
}

torch::Tensor fused_row_network(const RowGrid& grid, int64_t kernel,
                                const std::vector<torch::Tensor>& inputs) {
  return FusedRowsFunction::apply(grid, kernel, at::TensorList(inputs));
}

}  // namespace pie

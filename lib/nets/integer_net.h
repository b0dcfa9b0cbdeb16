// The network of an integer PIE: an exact function of integers that is trained like any other.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "lib/numerics/rows.h"

namespace pie {

// Numbers inside the network are fixed-point: integers times a power of two, held in float32.
inline constexpr int kActivationBits = 5;  // activations: a / 2^5 with integers a in 0 ... 127
inline constexpr int kWeightBits = 8;      // weights: w / 2^8 with integers |w| <= 255
inline constexpr int kSumBits = kActivationBits + kWeightBits;  // sums and biases: n / 2^13
inline constexpr int64_t kLargestActivation = 127;
inline constexpr int64_t kLargestWeight = 255;
inline constexpr int64_t kSumBound = int64_t{1} << 24;

// How a layer's sums become its integer outputs: y = offset + round(sum * 2^gain_bits), half to
// even, clamped to [low, high].
struct OutputGrid {
  int gain_bits;
  int64_t offset, low, high;
};

// One layer: y = grid(conv(x, w) + b + skip), zero-padded, by exact arithmetic whenever the
// parameters are fixed-point numbers.
//
// In training the parameters are anything: the layer computes with the nearest fixed-point weights,
// and gradients pass the rounding unchanged and stop where outputs are clamped.
class IntegerLayer final : public torch::nn::Module {
 public:
  // `grids`: one for each output column if the outputs are indices; empty if they are activations,
  // which come out divided by 2^5. `skip`: whether `forward` gets activations to add.
  IntegerLayer(int64_t in, int64_t out, int64_t kernel, bool skip, std::vector<OutputGrid> grids);

  // x: [N*H*W, in] activations; skip: [N*H*W, out] activations, or undefined. float32.
  torch::Tensor forward(const torch::Tensor& x, const RowGrid& grid, const torch::Tensor& skip,
                        bool bfloat16);

  // The same in 64-bit integers, for fixed-point parameters: the definition that `forward` is
  // tested against. All tensors hold integers, int64.
  torch::Tensor forward_reference(const torch::Tensor& x, const RowGrid& grid,
                                  const torch::Tensor& skip) const;

  // Rounds the parameters to fixed-point numbers for which no sum can reach 2^24, shrinking weights
  // where it could. Returns whether they were not that already.
  bool freeze();
  // Clamps weights to what fixed-point numbers can hold.
  void constrain();

  torch::Tensor weight, bias;  // [kernel^2 * in, out], rows tap-major as in `spread`; [out]

 private:
  int64_t kernel_;
  bool skip_;
  std::vector<OutputGrid> grids_;  // of each column; empty: activations
  torch::Tensor output_grid_;      // the same as rows: gain, offset, low, high
};

struct IntegerNetOptions {
  int64_t in, hidden;
  int64_t blocks;               // residual ones: 3x3, 1x1, skip
  std::vector<OutputGrid> out;  // of each output
};

// 3x3 convolution to `hidden`, residual blocks, 1x1 convolution to integer outputs.
class IntegerNet final : public torch::nn::Module {
 public:
  explicit IntegerNet(const IntegerNetOptions& options);

  // rows: [N*H*W, in] activations a / 2^5; returns [N*H*W, outputs], integers in float32.
  torch::Tensor forward(const torch::Tensor& rows, const RowGrid& grid);
  // rows: [N*H*W, in] integers a, int64; returns the outputs of `forward`, int64.
  torch::Tensor forward_reference(const torch::Tensor& rows, const RowGrid& grid) const;

  bool freeze();     // see IntegerLayer
  void constrain();  // see IntegerLayer
  // Products of training in bfloat16, which holds weights and activations exactly but not sums.
  void set_bfloat16(bool on) { bfloat16_ = on; }

  IntegerLayer& last() { return *layers_.back(); }

 private:
  std::vector<std::shared_ptr<IntegerLayer>> layers_;
  bool bfloat16_ = false;
};

}  // namespace pie

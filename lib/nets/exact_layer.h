// The layers of an exact PIE's networks, as they are trained: exact functions of integers wherever
// their parameters are fixed-point numbers.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "lib/exact/network.h"

namespace pie {

// Numbers inside the networks are fixed-point: integers times a power of two, held in float32.
inline constexpr int kExactFeatureBits = 5;    // features: f / 2^5 with integers f in 0 ... 127
inline constexpr int kExactWeightBits = 7;     // weights: w / 2^7 with integers |w| <= 127
inline constexpr int64_t kExactLargest = 127;  // of features, activations and weights
// Float32 holds every sum below it, so that training, which adds in any order, computes exactly.
inline constexpr int64_t kExactSumBound = int64_t{1} << 24;

// How sums become the integer outputs of a layer: y = floor(sum * 2^gain_bits + 1/2), clamped to
// [low, high].
struct ExactGrid {
  int gain_bits;
  int64_t low, high;
};

// What a layer reads are integers 0 ... 127 divided by 2^in; its activations, and skips, divided by
// 2^out. Its sums and biases count in 2^-(in + 7).
struct ExactBits {
  int in, out;
  int sums() const { return in + kExactWeightBits; }
};

// y = grid(conv(x, w) + b + skip), zero-padded. In training the parameters are anything: the layer
// computes with the nearest fixed-point numbers, and gradients pass the rounding unchanged and stop
// where outputs are clamped.
class ExactLayer final : public torch::nn::Module {
 public:
  // `grids`: one for each output if these are indices, which come out as integers; empty if they
  // are activations. `skip`: whether `forward` gets activations to add.
  ExactLayer(int64_t in, int64_t out, int64_t kernel, bool skip, ExactBits bits,
             std::vector<ExactGrid> grids = {});

  // x: [N, in, H, W]; skip: [N, out, H, W] activations, or undefined. float32, channels last, as is
  // the result. `bfloat16`: products of that type, which are not exact.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& skip, bool bfloat16);

  // Rounds the parameters to fixed-point numbers for which no sum can reach 2^24, shrinking weights
  // where it could. Returns whether they were not that already.
  bool freeze();
  // Clamps weights to what fixed-point numbers can hold.
  void constrain();
  // The layer in integers; its parameters must be fixed-point numbers.
  ExactConvolution frozen() const;

  torch::Tensor weight, bias;  // [out, in, kernel, kernel]; [out]

 private:
  bool skip_, indices_;
  ExactBits bits_;
  std::vector<ExactGrid> grids_;  // of each output
  torch::Tensor grid_;            // the same, as rows: gain, low, high
};

}  // namespace pie

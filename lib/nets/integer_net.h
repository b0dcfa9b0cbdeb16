// The network of an integer PIE: an exact function of integers that is trained like any other.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
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

// How the products of layers are computed where gradients are off. All give the same results.
enum class Arithmetic {
  kFastest,  // bfloat16 where this machine has fast and exact products of it, else float32
  kFloat32,
  kBFloat16,  // whatever the machine makes of it: for tests
  kInt64,     // the reference
};

// How a layer's sums become its integer outputs: y = round(sum * 2^gain_bits), half to
// even, clamped to [low, high].
struct OutputGrid {
  int gain_bits;
  int64_t low, high;
};

// One layer: y = grid(Q(conv(x, w)) + b + skip), zero-padded, by exact arithmetic whenever the
// parameters are fixed-point numbers. Q rounds to the 8 significant bits of a bfloat16, half to
// even, if the outputs are activations, and is the identity if they are indices.
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
  // Whether bfloat16 products of `rows` rows are fast here, and exact but for Q: tried once in a
  // process for each size, on random numbers.
  bool bfloat16_is_exact(int64_t rows) const;

  // The same in 64-bit integers, for fixed-point parameters: the definition that `forward` is
  // tested against. All tensors hold integers, int64.
  torch::Tensor forward_reference(const torch::Tensor& x, const RowGrid& grid,
                                  const torch::Tensor& skip) const;

  // Rounds the parameters to fixed-point numbers for which no sum can reach 2^24, before Q and
  // after, shrinking weights where it could. Returns whether they were not that already.
  bool freeze();
  // Clamps weights to what fixed-point numbers can hold.
  void constrain();

  torch::Tensor weight, bias;  // [kernel^2 * in, out], rows tap-major as in `spread`; [out]

 private:
  int64_t kernel_;
  bool skip_;
  std::vector<OutputGrid> grids_;  // of each column; empty: activations
  torch::Tensor output_grid_;      // the same as rows: gain, low, high
};

struct IntegerNetOptions {
  int64_t in, hidden;
  int64_t blocks;               // residual ones: 3x3, 1x1, skip
  std::vector<OutputGrid> out;  // of each output of a head
  int64_t heads = 1;            // one for each channel
  int64_t features = 0;         // of each channel that later heads see
};

// A trunk, shared by all channels: 3x3 convolution to `hidden`, residual blocks. And a head for
// each channel: 1x1 convolution to integer outputs. Heads but the first also see the 3x3
// neighbourhood of features of the channels before, through a residual layer of their own.
class IntegerNet final : public torch::nn::Module {
 public:
  explicit IntegerNet(const IntegerNetOptions& options);

  // rows: [N*H*W, in] activations a / 2^5; returns activations [N*H*W, hidden].
  torch::Tensor trunk(const torch::Tensor& rows, const RowGrid& grid,
                      Arithmetic arithmetic = Arithmetic::kFastest);
  // `before`: activations [N*H*W, head * features], undefined for head 0. Returns [N*H*W, outputs],
  // integers in float32.
  torch::Tensor head(int64_t head, const torch::Tensor& trunk, const torch::Tensor& before,
                     const RowGrid& grid, Arithmetic arithmetic = Arithmetic::kFastest);

  bool freeze();     // see IntegerLayer
  void constrain();  // see IntegerLayer
  // The products of training, where gradients are on.
  void set_bfloat16(bool on) { bfloat16_ = on; }

  IntegerLayer& last(int64_t head) { return *heads_[static_cast<size_t>(head)].last; }

 private:
  struct Head {
    std::shared_ptr<IntegerLayer> joint, last;  // no joint layer in head 0
  };
  torch::Tensor apply(IntegerLayer& layer, const torch::Tensor& x, const RowGrid& grid,
                      const torch::Tensor& skip, Arithmetic arithmetic) const;
  std::shared_ptr<IntegerLayer> add(const std::string& name, std::shared_ptr<IntegerLayer> layer);

  std::vector<std::shared_ptr<IntegerLayer>> trunk_, all_;
  std::vector<Head> heads_;
  bool bfloat16_ = false;
};

}  // namespace pie

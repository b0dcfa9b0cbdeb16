// The networks of an exact PIE, as they are trained: exact functions of integers wherever their
// parameters are fixed-point numbers.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
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

struct ExactNetOptions {
  int64_t in;      // features of the coarse image; 0 if nothing is known
  int64_t hidden;  // channels of the state
  int64_t first_blocks, phase_blocks;
  int64_t phases, heads;       // heads: one for each channel
  int64_t features;            // of one channel of a phase
  int activation_bits;         // activations: a / 2^activation_bits
  std::vector<ExactGrid> out;  // of each output of a head
};

// The network of a scale. A state of `hidden` activations in each cell begins with what the coarse
// image shows and goes from phase to phase, each of which adds what the planes of the one before
// show; residual blocks (3x3, 1x1, skip) in between. In each phase a head for each channel reads
// the indices of its mixtures off the state; heads but the first also see the 3x3 neighbourhood of
// the channels before.
class ExactNet final : public torch::nn::Module {
 public:
  explicit ExactNet(const ExactNetOptions& options);

  // All tensors are features or activations [N, features, H, W], channels last.
  // The state that a scale begins with. `coarse` is undefined if nothing is known; then `like`
  // gives N, H and W.
  torch::Tensor begin(const torch::Tensor& coarse, const torch::Tensor& like);
  // The state of phase `phase` > 0.
  torch::Tensor inject(int64_t phase, const torch::Tensor& state, const torch::Tensor& planes);
  // [N, outputs, H, W], integers. `before`: undefined for head 0.
  torch::Tensor head(int64_t phase, int64_t head, const torch::Tensor& state,
                     const torch::Tensor& before);

  bool freeze();                // see ExactLayer
  void constrain();             // see ExactLayer
  ExactNetwork frozen() const;  // see ExactLayer
  // The products of training, where gradients are on.
  void set_bfloat16(bool on) { bfloat16_ = on; }

  ExactLayer& last(int64_t phase, int64_t head) {
    return *heads_[static_cast<size_t>(phase * options_.heads + head)].last;
  }

 private:
  struct Block {
    std::shared_ptr<ExactLayer> inner, outer;
  };
  struct Head {
    std::shared_ptr<ExactLayer> joint, mixed, last;  // only the last in head 0
  };
  std::shared_ptr<ExactLayer> add(const std::string& name, std::shared_ptr<ExactLayer> layer);
  std::shared_ptr<ExactLayer> make_layer(int64_t in, int64_t kernel, bool skip, int in_bits) const;
  std::vector<Block> add_blocks(const std::string& name, int64_t count);
  torch::Tensor apply(ExactLayer& layer, const torch::Tensor& x, const torch::Tensor& skip = {});
  torch::Tensor through(const std::vector<Block>& blocks, torch::Tensor state);

  ExactNetOptions options_;
  std::shared_ptr<ExactLayer> first_;
  std::vector<Block> first_blocks_;
  std::vector<std::shared_ptr<ExactLayer>> injections_;  // of phases 1, 2, ...
  std::vector<std::vector<Block>> phase_blocks_;
  std::vector<Head> heads_;  // phase by phase
  std::vector<std::shared_ptr<ExactLayer>> all_;
  bool bfloat16_ = false;
};

}  // namespace pie

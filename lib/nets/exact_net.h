// The networks of an exact PIE, as they are trained.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/nets/exact_layer.h"

namespace pie {

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

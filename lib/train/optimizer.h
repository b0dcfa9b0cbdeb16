// Adam over one flat vector of parameters, with gradient clipping and an exponential moving
// average.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

namespace pie {

// Moves all parameters of a module, and their gradients, into two flat vectors of which they become
// views, so that a step is one pass and a training state a handful of vectors.
class FlatParameters {
 public:
  explicit FlatParameters(torch::nn::Module& module);

  // Makes the parameters of `module`, built like the first one, views of the same values with a
  // gradient of their own, so that several threads can differentiate at once. Buffers are shared.
  void add_replica(torch::nn::Module& module);

  torch::Tensor values;                  // [P], float32
  std::vector<torch::Tensor> gradients;  // [P] for each replica; autograd adds to them

  // The buffers of the module, which are part of a training state.
  std::map<std::string, torch::Tensor> buffers;

  // The name of the parameter that holds element `index`.
  std::string name_at(int64_t index) const;

 private:
  void bind(torch::nn::Module& module);

  std::vector<std::string> names_;
  std::vector<int64_t> ends_;
};

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip_norm = 1.0;    // largest 2-norm of the gradient; larger ones are scaled down. 0: off
  double weight_decay = 0;   // decoupled (AdamW): values shrink by learning rate * this
  double ema_decay = 0.998;  // of the averaged weights, warmed up as min(decay, (1+t)/(10+t))
};

// Adam (Kingma & Ba 2014) with bias correction.
class Adam {
 public:
  Adam(FlatParameters& parameters, const AdamOptions& options);

  // One step with the sum of the replicas' gradients, which are then zero. Returns the sum's 2-norm
  // before clipping; if it is not finite, the first replica's gradient is left as the sum and
  // nothing else is changed.
  double step(double learning_rate);

  int64_t steps = 0;
  torch::Tensor first_moment, second_moment, average;  // [P] each; average: the EMA weights

 private:
  FlatParameters& parameters_;
  AdamOptions options_;
};

}  // namespace pie

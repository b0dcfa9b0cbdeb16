// Adam and Muon over one flat vector of parameters, with gradient clipping and an exponential
// moving average.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <utility>
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

  // Where a parameter is in them, and its shape.
  struct Place {
    std::string name;
    int64_t begin, end;
    std::vector<int64_t> shape;
  };
  const std::vector<Place>& places() const { return places_; }
  // The name of the parameter that holds element `index`.
  std::string name_at(int64_t index) const;

 private:
  void bind(torch::nn::Module& module);

  std::vector<Place> places_;  // in order
};

struct OptimizerOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip_norm = 1.0;    // largest 2-norm of the gradient; larger ones are scaled down. 0: off
  double weight_decay = 0;   // decoupled (AdamW): values shrink by learning rate * this
  double ema_decay = 0.998;  // of the averaged weights, warmed up as min(decay, (1+t)/(10+t))
  bool muon = false;         // for weights that are matrices of at least 16 x 16
  double momentum = 0.95;    // Muon's
};

// A matrix [rows, columns] with the same singular vectors as `m`, and singular values near 1: five
// Newton-Schulz steps of the fifth order, which leave them within 0.3 of it unless they were below
// two thousandths of m's norm. Matrices of a norm far below 1e-7 stay small.
torch::Tensor orthogonalized(const torch::Tensor& m);

// Adam (Kingma & Ba 2014) with bias correction. With `muon`, weights [out, in, ...] that are
// matrices [out, in * ...] of some size move along their orthogonalized momentum (Nesterov's)
// instead, by about a fifth of the learning rate an element, as Adam moves them (Jordan et al.
// 2024; Liu et al., arXiv:2502.16982).
class Optimizer {
 public:
  Optimizer(FlatParameters& parameters, const OptimizerOptions& options);

  // One step with the sum of the replicas' gradients, which are then zero. Returns the sum's 2-norm
  // before clipping; if it is not finite, the first replica's gradient is left as the sum and
  // nothing else is changed.
  double step(double learning_rate);

  int64_t steps = 0;
  // [P] each; average: the EMA weights. Muon keeps its momentum in `first_moment`.
  torch::Tensor first_moment, second_moment, average;

  struct AdamConstants;  // of one step

 private:
  // Makes the first gradient the sum of all, and returns its norm.
  double sum_gradients();
  // Adam's step of the elements from `begin` to before `end`.
  void move(int64_t begin, int64_t end, const AdamConstants& k);
  // Averages these elements' values, and forgets their gradients.
  void remember(int64_t begin, int64_t end, float keep);
  void move_matrix(const FlatParameters::Place& place, double learning_rate, double clip);

  FlatParameters& parameters_;
  OptimizerOptions options_;
  std::vector<FlatParameters::Place> matrices_;    // those that Muon moves
  std::vector<std::pair<int64_t, int64_t>> rest_;  // what lies between them, in chunks
};

}  // namespace pie

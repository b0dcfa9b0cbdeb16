// The contract between autoregressive bijections and the masked networks inside them.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>

namespace pie {

// A network of D numbers in an order; the parameters that it gives for a number depend on the
// numbers before it alone. P parameters each: parameter p of number i is column p * D + i.
class AutoregressiveNet : public torch::nn::Module {
 public:
  // All parameters at once. x: [N, D]; returns [N, P * D] in x's dtype.
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;

  // The parameters of one number, [N, P], to its value, [N, 1].
  using Choice = std::function<torch::Tensor(int64_t number, const torch::Tensor& parameters)>;
  // The x [N, D] whose numbers are chosen one after the other, each from its parameters given those
  // before.
  virtual torch::Tensor choose(int64_t n, const Choice& choice) = 0;
};

// Makes the network of `numbers` numbers with as many `parameters` each.
using AutoregressiveNetFactory =
    std::function<std::shared_ptr<AutoregressiveNet>(int64_t numbers, int64_t parameters)>;

}  // namespace pie

// The contract between residual blocks, or continuous flows, and the networks inside them:
// Lipschitz-bounded ones, or for the latter any.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <vector>

#include "lib/numerics/rows.h"

namespace pie {

// A network g of images, on rows of pixels [M, C], whose Lipschitz constant is kept below a bound
// by constraining its weights. It keeps the shape, and treats items independently.
//
// What changes its output is a parameter; what only keeps the constraint while training is a
// buffer.
class ContractiveMap : public torch::nn::Module {
 public:
  // g at one batch x, with its derivative J = dg/dx. Holds what it needs, also after x is gone.
  class Linearization {
   public:
    virtual ~Linearization() = default;
    virtual const torch::Tensor& value() const = 0;  // g(x), [M, C]
    // J^T w for the first rows of x where w has fewer, [m, C].
    virtual torch::Tensor vjp(const torch::Tensor& w) const = 0;
    // The gradient of <a, g(x)> + <w, J v> with respect to x, [M, C]; adds those with respect to
    // the parameters, in their order, to `gradients`. a may be undefined, and so may w and v
    // together. Needs a linearization of order 2, without w and v one of order 1.
    virtual torch::Tensor backward(const torch::Tensor& a, const torch::Tensor& w,
                                   const torch::Tensor& v,
                                   std::vector<torch::Tensor>& gradients) const = 0;
  };

  // g(x), no gradients. x: [M, C].
  virtual torch::Tensor value(const torch::Tensor& x, const RowGrid& grid) const = 0;
  // `order` 1 gives value, vjp and backward without w, 2 everything.
  virtual std::unique_ptr<Linearization> linearize(const torch::Tensor& x, const RowGrid& grid,
                                                   int order) const = 0;

  // Rows that should be worked on together, so that everything in between stays in the cache.
  virtual int64_t rows_at_once() const = 0;

  // A bound on the Lipschitz constant: after `certify` that of the weights as they are, before it
  // what the constraint aims at. Infinite for a map that is not constrained and not certified.
  virtual double lipschitz_bound() const = 0;
  // Computes the exact certificate and scales down every weight that exceeds its share of the
  // bound; returns the largest factor by which one did.
  virtual double certify() = 0;
  // After an optimiser step: one power iteration for each weight, whose operator is scaled down
  // where it exceeds its share. With `exact`, the certificate calibrates the estimate first.
  virtual void constrain(bool exact) = 0;
  // After a backward pass, which takes these scales for constants: makes the gradients those of
  // scales that follow the weights' norms.
  virtual void project_gradients() = 0;
};

// Makes the map of images with `channels` of height x width.
using ContractiveMapFactory =
    std::function<std::shared_ptr<ContractiveMap>(int64_t channels, int64_t height, int64_t width)>;

}  // namespace pie

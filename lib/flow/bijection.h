// The contract of every invertible layer.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>

#include "lib/base/shape.h"
#include "lib/numerics/log_det_estimator.h"

namespace pie {

// The result of one forward pass.
struct Mapped {
  torch::Tensor value;    // [N, C', H', W']
  torch::Tensor log_det;  // [N], nats: ln |det d value / d input|
  // [N]: how often a differential equation's right side was computed; undefined where there is
  // none.
  torch::Tensor evaluations = {};
};

// a + b, where an undefined one counts for nothing.
inline torch::Tensor sum_of_defined(const torch::Tensor& a, const torch::Tensor& b) {
  return !a.defined() ? b : b.defined() ? a + b : a;
}

// An invertible map of single items, each with as many elements out as in.
//
// Direction: forward always means data -> latent. A layer MUST
// - treat the items of a batch independently of each other and of is_training(),
// - return log_det as a [N] tensor in x's dtype, of the forward map,
// - satisfy inverse(latent(x)) = x up to rounding, or the tolerance of its solver, or throw
//   ConvergenceError.
// The public functions check shapes once; layers implement the private hooks. The inverse returns
// no log-det: it is minus the forward one at the recovered point.
class Bijection : public torch::nn::Module {
 public:
  // `in` is the shape of one input item; every layer is built for one shape.
  explicit Bijection(Shape in) : in_(in) {}

  // Data -> latent with log-det. x: [N, C, H, W]; throws ShapeError.
  Mapped forward(const torch::Tensor& x);
  // The same, with log-dets that have no closed form estimated as `how` says; it has a key for each
  // item.
  Mapped forward(const torch::Tensor& x, const LogDetEstimator& how);
  // Data -> latent, value only (the codec's path). x: [N, C, H, W]; throws ShapeError.
  torch::Tensor latent(const torch::Tensor& x);
  // Latent -> data. z: [N, C', H', W']; throws ShapeError.
  torch::Tensor inverse(const torch::Tensor& z);

  Shape input_shape() const { return in_; }
  virtual Shape output_shape() const { return in_; }
  // Whether the log-det has no closed form, so that exactly it takes the whole Jacobian.
  virtual bool estimates_log_det() const { return false; }
  // Whether activations may be recomputed by the inverse: that is as fast as forward, and exact up
  // to rounding.
  virtual bool inverts_fast() const { return true; }

 private:
  virtual Mapped do_forward(const torch::Tensor& x) = 0;
  virtual Mapped do_estimate(const torch::Tensor& x, const LogDetEstimator&) {
    return do_forward(x);
  }
  virtual torch::Tensor do_latent(const torch::Tensor& x) { return do_forward(x).value; }
  virtual torch::Tensor do_inverse(const torch::Tensor& z) = 0;

  Shape in_;
};

// Throws ShapeError unless x is [N, C, H, W] with items of shape `expected`; `who` names the
// caller and argument in the message.
void check_samples(const torch::Tensor& x, Shape expected, const std::string& who);

}  // namespace pie

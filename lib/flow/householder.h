// Orthogonal mixing of channels by Householder reflections.
#pragma once

#include "lib/flow/bijection.h"

namespace pie {

// y = Q x at every pixel with Q = H(v_1) ... H(v_k), H(v) = I - 2 v v^T / (v^T v) (PIE Eq. 19): an
// invertible 1x1 convolution, and a linear map of features where H = W = 1. The inverse is Q^T, the
// log-det 0. Cost O(k C) per pixel for Q's application plus O(k C^2) once.
class Householder final : public Bijection {
 public:
  // `reflections` full-length vectors, drawn from N(0, I).
  Householder(Shape in, int64_t reflections);
  torch::Tensor matrix() const;  // Q, [C, C]

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  torch::Tensor do_latent(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;

  torch::Tensor vectors_;  // [reflections, C]
};

}  // namespace pie

// The invertible 1x1 convolution by its LU decomposition (Glow, Kingma & Dhariwal 2018).
#pragma once

#include "lib/flow/bijection.h"

namespace pie {

// y = W x at every pixel with W = L (U + diag(exp(d))), L unit lower and U strictly upper
// triangular (Glow Eq. 10 with P = I and s > 0); log-det H*W * sum(d). W starts as a random
// rotation whose rows are in the order, and have the signs, that make this decomposition exist, so
// that nothing but the triangles needs to be stored.
class LuConvolution final : public Bijection {
 public:
  explicit LuConvolution(Shape in);
  torch::Tensor matrix() const;  // W, [C, C]

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  torch::Tensor do_latent(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;

  torch::Tensor lower() const;  // L
  torch::Tensor upper() const;  // U + diag(exp(d))

  torch::Tensor packed_;  // [C, C]: L below the diagonal, d on it, U above it
};

}  // namespace pie

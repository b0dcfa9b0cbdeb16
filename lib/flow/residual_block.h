// The invertible residual block of i-ResNet (Behrmann et al. 2019).
#pragma once

#include <memory>

#include "lib/flow/bijection.h"
#include "lib/numerics/contractive_map.h"

namespace pie {

struct FixedPointOptions {
  // Largest root mean square error of an item that the a-posteriori bound may leave; 0: 1e-5, for
  // float64 1e-12. Rounding sets a floor: a residual as small as that of rounding is accepted.
  double tolerance = 0;
  int64_t max_iterations = 500;
  // Steps that Anderson acceleration combines; 0: the plain iteration. A network that is not
  // certified to be a contraction is always iterated plainly.
  int64_t anderson_depth = 4;
  bool fail = true;  // throw ConvergenceError; false: return the last iterate
};

// What one inversion took.
struct FixedPointReport {
  torch::Tensor iterations;   // [N] int64: evaluations of g
  torch::Tensor error_bound;  // [N]: |x - x*| <= |F(x) - z| / (1 - L) (2-norm); NaN for L >= 1
};

// y = x + g(x) with Lip(g) < 1 (i-ResNet, Theorem 1). Inverse: x <- y - g(x), which converges at
// rate L. log-det: ln det(I + J_g), exactly (`forward(x)`) or as a LogDetEstimator says; its
// gradient is that of Residual Flows' Neumann series, w = sum_k (-1)^k a_k (J^T)^k v with the
// probe's own powers, so that memory does not grow with the number of terms. Backward recomputes
// the inside of g: a block keeps x, v and w only.
class ResidualBlock final : public Bijection {
 public:
  // `index`: of the block in its model, which gives it probes of its own.
  ResidualBlock(Shape in, uint64_t index, const ContractiveMapFactory& make_map);

  // The inverse with its own stopping rule. Throws ConvergenceError.
  torch::Tensor inverse(const torch::Tensor& z, const FixedPointOptions& options,
                        FixedPointReport* report) const;
  using Bijection::inverse;

  bool estimates_log_det() const override { return true; }

  ContractiveMap& map() { return *map_; }
  const ContractiveMap& map() const { return *map_; }

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  Mapped do_estimate(const torch::Tensor& x, const LogDetEstimator& how) override;
  torch::Tensor do_latent(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;

  uint64_t index_;
  std::shared_ptr<ContractiveMap> map_;
};

}  // namespace pie

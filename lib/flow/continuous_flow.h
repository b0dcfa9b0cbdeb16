// Continuous flows (FFJORD, Grathwohl et al. 2019).
#pragma once

#include <memory>

#include "lib/flow/bijection.h"
#include "lib/numerics/contractive_map.h"

namespace pie {

// x(0) -> x(1) along dx/dt = f(x, t), with d log_det/dt = tr df/dx; the inverse integrates back. f
// is a network of images with one channel more, which holds t, and whose last channel is not used.
//
// Dormand and Prince's method of order 5(4), with steps for each item alone: each step's error of
// x is below `tolerance` (1 + |x|), root mean square over its elements. The trace is exact
// (`forward(x)`), or estimated by the estimator's probes, which stay the same along a trajectory
// (Hutchinson; its other options do not matter). Backward goes through the very steps taken, from
// the x kept at each: the gradient is that of the values computed, and memory grows by one x a
// step.
class ContinuousFlow final : public Bijection {
 public:
  // `index`: of the flow in its model, which gives it probes of its own. Throws UsageError unless
  // tolerance > 0; ten times rounding is the least that counts.
  ContinuousFlow(Shape in, uint64_t index, double tolerance, const ContractiveMapFactory& make_map);

  bool estimates_log_det() const override { return true; }
  bool inverts_fast() const override { return false; }

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  Mapped do_estimate(const torch::Tensor& x, const LogDetEstimator& how) override;
  torch::Tensor do_latent(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;
  Mapped integrate(const torch::Tensor& x, bool back, const LogDetEstimator& how) const;

  uint64_t index_;
  double tolerance_;
  std::shared_ptr<ContractiveMap> map_;
};

}  // namespace pie

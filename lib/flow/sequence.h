// Composition of bijections.
#pragma once

#include <memory>
#include <vector>

#include "lib/flow/bijection.h"

namespace pie {

// F = F_n o ... o F_1 (PIE Eq. 14); log-dets add up. An empty sequence is the identity.
class Sequence final : public Bijection {
 public:
  // Checks that each step's input shape is the output shape of the one before, starting from `in`;
  // registers the steps as "0", "1", ... Throws ShapeError.
  Sequence(Shape in, std::vector<std::shared_ptr<Bijection>> steps);

  Shape output_shape() const override;
  bool estimates_log_det() const override;
  bool inverts_fast() const override;
  const std::vector<std::shared_ptr<Bijection>>& steps() const { return steps_; }

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  Mapped do_estimate(const torch::Tensor& x, const LogDetEstimator& how) override;
  torch::Tensor do_latent(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;

  std::vector<std::shared_ptr<Bijection>> steps_;
};

}  // namespace pie

// Masked autoregressive flows (MADE, Germain et al. 2015; MAF, Papamakarios et al. 2017).
#pragma once

#include <memory>

#include "lib/flow/bijection.h"
#include "lib/numerics/autoregressive_net.h"

namespace pie {

struct AutoregressiveOptions {
  double scale_clamp = 2;  // a of s = exp(a tanh(h / a)); 0: s = 1
  int64_t components = 0;  // of mixtures; 0: none
};

// Each number of an item, in row-major order of channels, rows and columns, is mapped by parameters
// that a masked network gives for it from the numbers before it:
//   y_i = s_i x_i + b_i, for normal conditionals: MADE where it is the whole flow, a layer of MAF,
//   or y_i = Phi^-1(F_i(x_i)) with F_i a mixture of normals: MADE with mixtures of Gaussians.
// log-det = sum_i ln dy_i/dx_i. All y at once; the inverse finds the numbers one after the other.
class Autoregressive final : public Bijection {
 public:
  Autoregressive(Shape in, const AutoregressiveOptions& options,
                 const AutoregressiveNetFactory& make_net);

  bool inverts_fast() const override { return false; }

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;

  AutoregressiveOptions options_;
  std::shared_ptr<AutoregressiveNet> net_;
};

}  // namespace pie

// The affine coupling layer.
#pragma once

#include <memory>

#include "lib/flow/bijection.h"
#include "lib/numerics/subnet.h"

namespace pie {

// y1 = s1(x2) * x1 + b1(x2); y2 = s2(y1) * x2 + b2(y1)   (PIE Eq. 18)
// x1, x2 are halves along the channels (an odd count gives x1 the larger part), s = exp(a
// tanh(h/a)) with h and b from one subnetwork, so each scale stays within exp(+-a). a = 0 gives an
// additive coupling, s = 1. log-det = sum ln s1 + sum ln s2.
class AffineCoupling final : public Bijection {
 public:
  // `make_subnet(in, out)` is called twice. Throws ShapeError for fewer than 2 channels.
  AffineCoupling(Shape in, double scale_clamp, const SubnetFactory& make_subnet);

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;

  int64_t first_, second_;  // channels of x1 and x2
  double scale_clamp_;      // a
  std::shared_ptr<Subnet> subnet1_, subnet2_;
};

}  // namespace pie

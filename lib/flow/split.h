// The split: where dimensions leave the flow. Not a bijection, hence its own type.
#pragma once

#include <memory>

#include "lib/flow/bijection.h"
#include "lib/numerics/subnet.h"

namespace pie {

// [z, r] along the channels; z goes on, r is scored under N(g(z), eps0^2 I) (PIE Eq. 20).
class Split final : public torch::nn::Module {
 public:
  // Keeps the first `keep` channels. `make_subnet(keep, rest)` makes g; null means g = 0.
  Split(Shape in, int64_t keep, double eps0, const SubnetFactory& make_subnet);

  struct Parts {
    torch::Tensor z;  // [N, keep, H, W]
    torch::Tensor r;  // [N, C - keep, H, W]
  };
  Parts split(const torch::Tensor& x) const;   // x: [N, C, H, W]; throws ShapeError
  torch::Tensor mean(const torch::Tensor& z);  // g(z), [N, C - keep, H, W]
  // ln N(r | g(z), eps0^2 I), [N] nats.
  torch::Tensor log_prob(const Parts& parts);
  // The exact inverse, [z, r]. With r = mean(z) it is PIE's pseudo-inverse.
  torch::Tensor merge(const torch::Tensor& z, const torch::Tensor& r) const;

  Shape kept_shape() const { return {keep_, in_.height, in_.width}; }
  Shape residual_shape() const { return {in_.channels - keep_, in_.height, in_.width}; }
  double eps0() const { return eps0_; }

 private:
  Shape in_;
  int64_t keep_;
  double eps0_;
  std::shared_ptr<Subnet> g_;
};

}  // namespace pie

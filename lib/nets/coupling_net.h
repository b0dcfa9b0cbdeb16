// The networks inside couplings and splits: convolutional (kernels 3-1-...-1-3) or, with kernel 1
// on [N, C, 1, 1], fully connected.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "lib/nets/mixed_precision.h"
#include "lib/numerics/subnet.h"

namespace pie {

struct CouplingNetOptions {
  int64_t in, out;
  int64_t hidden = 64;
  int64_t depth = 1;   // hidden-to-hidden layers between the first and the last
  int64_t kernel = 3;  // of the first and the last layer, zero-padded; the others have kernel 1
};

// in -> hidden (kernel) -> ReLU -> [hidden -> ReLU] x depth -> out (kernel): a `row_network`, so
// that bfloat16 products and fused passes carry the whole cost. The last layer starts at zero, so a
// fresh coupling is the identity. Not twice differentiable.
class CouplingNet final : public Subnet, public MixedPrecision {
 public:
  explicit CouplingNet(const CouplingNetOptions& options);

  // rows: float32 or float64.
  torch::Tensor forward_rows(const torch::Tensor& rows, const RowGrid& grid) override;

  void set_bfloat16(bool on) override { bfloat16_ = on; }

 private:
  CouplingNetOptions options_;
  bool bfloat16_ = false;
  std::vector<torch::Tensor> weights_, biases_;  // of `row_network`
};

}  // namespace pie

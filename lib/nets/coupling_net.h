// The networks inside couplings and splits: convolutional (kernels 3-1-...-1-3) or, with kernel 1
// on [N, C, 1, 1], fully connected.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "lib/numerics/subnet.h"

namespace pie {

struct CouplingNetOptions {
  int64_t in, out;
  int64_t hidden = 64;
  int64_t depth = 1;   // hidden-to-hidden layers between the first and the last
  int64_t kernel = 3;  // of the first and the last layer, zero-padded; the others have kernel 1
};

// in -> hidden (kernel) -> ReLU -> [hidden -> ReLU] x depth -> out (kernel), with hand-written
// gradients: every layer is a matrix product over rows of pixels, so that bfloat16 products and
// fused passes carry the whole cost. The last layer starts at zero, so a fresh coupling is the
// identity. Not twice differentiable.
class CouplingNet final : public Subnet {
 public:
  explicit CouplingNet(const CouplingNetOptions& options);

  // rows: float32 or float64.
  torch::Tensor forward_rows(const torch::Tensor& rows, const RowGrid& grid) override;

  // The number type of the products inside; inputs, outputs, weights and gradients keep theirs.
  // Anything but bfloat16 means "as the weights".
  void set_bfloat16(bool on) { bfloat16_ = on; }

 private:
  CouplingNetOptions options_;
  bool bfloat16_ = false;
  // weights_[0]: [kernel^2 * in, hidden], weights_[last]: [hidden, kernel^2 * out], rows (columns)
  // ordered tap-major as in `spread`; in between [hidden, hidden].
  std::vector<torch::Tensor> weights_, biases_;
};

}  // namespace pie

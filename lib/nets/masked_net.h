// The masked network of autoregressive maps (MADE, Germain et al. 2015).
#pragma once

#include <torch/torch.h>

#include <utility>
#include <vector>

#include "lib/nets/mixed_precision.h"
#include "lib/numerics/autoregressive_net.h"

namespace pie {

struct MaskedNetOptions {
  int64_t numbers, parameters;  // D, at most kMostNumbers; P
  int64_t hidden = 512;
  int64_t depth = 1;  // hidden-to-hidden layers between the first and the last
};

// More would have to be found one after the other than anyone waits for.
constexpr int64_t kMostNumbers = int64_t{1} << 16;

// D -> hidden -> ReLU -> [hidden -> ReLU] x depth -> P * D, fully connected but for what a mask
// takes away: a hidden unit of degree m sees numbers up to m and units of degree up to m, the
// parameters of number i see units of a degree below i. Degrees are spread evenly over the units,
// in rising order, so that units of one degree stand together. The last layer starts at zero.
//
// `choose` computes every hidden unit once, as soon as all that it sees is known: D steps in
// sequence, but together only the multiplications of one `forward`.
class MaskedNet final : public AutoregressiveNet, public MixedPrecision {
 public:
  // Throws ShapeError for more than kMostNumbers.
  explicit MaskedNet(const MaskedNetOptions& options);

  torch::Tensor forward(const torch::Tensor& x) override;
  torch::Tensor choose(int64_t n, const Choice& choice) override;
  void set_bfloat16(bool on) override { bfloat16_ = on; }

 private:
  // The hidden units of one degree: first and one past the last.
  std::pair<int64_t, int64_t> units_of(int64_t degree) const;
  std::vector<torch::Tensor> masked_weights() const;

  MaskedNetOptions options_;
  bool bfloat16_ = false;
  std::vector<torch::Tensor> weights_, biases_;  // of `row_network` with kernel 1, not masked
  // Of each layer's inputs and outputs: an output sees the inputs up to its degree. int64, CPU.
  std::vector<torch::Tensor> seen_, seeing_;
};

}  // namespace pie

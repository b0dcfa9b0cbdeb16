// The network inside a residual block: convolutional (kernels 3-1-3) or, with kernels 1 on
// [N, C, 1, 1], fully connected; each weight's operator norm is kept at most at a coefficient.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <vector>

#include "lib/nets/mixed_precision.h"
#include "lib/numerics/activation.h"
#include "lib/numerics/contractive_map.h"

namespace pie {

struct LipschitzNetOptions {
  int64_t channels, height, width;  // of the images: the zero padding is part of the operator
  int64_t hidden = 64;
  std::vector<int64_t> kernels = {3, 1, 3};  // odd, zero-padded
  Activation activation = Activation::kLipSwish;
  bool pre_activation = true;   // an activation before the first layer as well
  double coefficient = 0.9;     // c, of each layer's norm; 0: no constraint
  bool always_scale = false;    // to norm c exactly; else only from above c
  bool full_precision = false;  // never bfloat16, whose rounding a solver takes for its own error
};

// Of an ordinary network: softplus, no bounds, no activation before the first layer, and nothing in
// bfloat16. What the right side of a differential equation needs.
LipschitzNetOptions smooth_net_options(int64_t channels, int64_t height, int64_t width,
                                       int64_t hidden, std::vector<int64_t> kernels);

// g = W_n phi ... W_2 phi W_1 phi (i-ResNet) with gradients written by hand: every layer is a
// matrix product over rows of pixels. Its Lipschitz constant is at most c^n, because the norm of
// every operator, with its padding, is at most c and |phi'| at most 1.
//
// While training, an operator is its weight times a scale, c / norm where the norm exceeds c. The
// weights themselves stay free: scaling them at every step would shrink all singular values
// whenever the largest one happens to grow, until one is left. `certify` multiplies the scale in.
class LipschitzNet final : public ContractiveMap, public MixedPrecision {
 public:
  explicit LipschitzNet(const LipschitzNetOptions& options);

  torch::Tensor value(const torch::Tensor& x, const RowGrid& grid) const override;
  std::unique_ptr<Linearization> linearize(const torch::Tensor& x, const RowGrid& grid,
                                           int order) const override;
  int64_t rows_at_once() const override;
  double lipschitz_bound() const override;
  double certify() override;
  void constrain(bool exact) override;
  void project_gradients() override;

  void set_bfloat16(bool on) override { bfloat16_ = on && !options_.full_precision; }

 private:
  // One layer on rows of pixels. The convolution either spreads its input over the taps, or
  // collects its output from them, whichever has fewer channels.
  struct Layer {
    int64_t in, out, kernel;
    torch::Tensor weight;  // [taps * in, out], or [in, taps * out] where it collects; tap-major
    torch::Tensor bias;    // [out]
    // While training, and undefined without a coefficient: the vector of the power iteration
    // [H * W, the smaller of in and out], the weight's estimated norm, the bound divided by the
    // estimate, the norm's gradient, and the scale.
    torch::Tensor power, norm, margin, norm_gradient, scale;
    bool spreads() const { return in <= out; }
    double scale_value() const { return scale.defined() ? scale.item<double>() : 1; }
  };
  class Pass;
  friend class Pass;

  // The input of the layer's product, its output, and the same for the adjoint. `weight`: the
  // layer's, or that times its scale; `transposed`: its transpose.
  static torch::Tensor product_input(const Layer& layer, const torch::Tensor& x, RowGrid grid,
                                     torch::ScalarType dtype);
  static torch::Tensor adjoint_input(const Layer& layer, const torch::Tensor& g, RowGrid grid,
                                     torch::ScalarType dtype);
  static torch::Tensor apply(const Layer& layer, const torch::Tensor& weight,
                             const torch::Tensor& product_in, RowGrid grid);
  static torch::Tensor apply_adjoint(const Layer& layer, const torch::Tensor& transposed,
                                     const torch::Tensor& adjoint_in, RowGrid grid);
  double norm_bound(const Layer& layer) const;  // the certificate
  bool has_activation(size_t layer) const;      // before this layer
  torch::ScalarType product_dtype(const torch::Tensor& x) const {
    return bfloat16_ ? torch::kBFloat16 : x.scalar_type();
  }

  LipschitzNetOptions options_;
  bool bfloat16_ = false;
  double certified_ = -1;  // the bound of `certify`, -1 once `constrain` has run since
  std::vector<Layer> layers_;
};

}  // namespace pie

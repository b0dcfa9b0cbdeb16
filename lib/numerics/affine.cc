#include "lib/numerics/affine.h"

#include "lib/numerics/rows.h"

namespace pie {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// One node for the whole map: as separate operations it would cost more than the products of a
// narrow coupling network.
class AffineFunction : public torch::autograd::Function<AffineFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const torch::Tensor& x,
                               const torch::Tensor& network, double a) {
    const auto [h, b] = split_columns(network, x.size(1));
    const auto tanh = h.mul(1 / a).tanh_();
    const auto log_scale = tanh * a;
    const auto scale = log_scale.exp();
    ctx->save_for_backward({x, tanh, scale});
    return {torch::addcmul(b, x, scale), log_scale};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &tanh = saved[1], &scale = saved[2];
    const auto grad_x = grads[0] * scale;
    // d value / d log_scale = x * scale; d log_scale / d h = 1 - tanh^2.
    const auto grad_log_scale = torch::addcmul(grads[1], grad_x, x);
    const auto grad_h = torch::addcmul(grad_log_scale, grad_log_scale, tanh.square(), -1);
    return {grad_x, join_columns(grad_h, grads[0]), torch::Tensor()};
  }
};

}  // namespace

AffineResult affine_forward(const torch::Tensor& x, const torch::Tensor& network, double a) {
  if (a == 0) return {x + network, torch::zeros_like(x)};
  auto result = AffineFunction::apply(x, network, a);
  return {result[0], result[1]};
}

torch::Tensor affine_inverse(const torch::Tensor& y, const torch::Tensor& network, double a) {
  if (a == 0) return y - network;
  const auto [h, b] = split_columns(network, y.size(1));
  return (y - b) * (torch::tanh(h / a) * -a).exp();
}

}  // namespace pie

#include "lib/numerics/affine.h"

#include <vector>

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
    const int64_t channels = x.size(1);
    const auto tanh = network.narrow(1, 0, channels).mul(1.0 / a).tanh_();
    const auto log_scale = tanh * a;
    const auto scale = log_scale.exp();
    ctx->save_for_backward({x, tanh, scale});
    ctx->saved_data["a"] = a;
    return {torch::addcmul(network.narrow(1, channels, channels), x, scale),
            log_scale.sum({1, 2, 3})};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &tanh = saved[1], &scale = saved[2];
    const auto grad_x = grads[0] * scale;
    // d value / d log_scale = x * scale; d log_scale / d h = 1 - tanh^2.
    const auto grad_log_scale = torch::addcmul(grads[1].view({-1, 1, 1, 1}), grad_x, x);
    const auto grad_h = torch::addcmul(grad_log_scale, grad_log_scale, tanh.square(), -1);
    return {grad_x, torch::cat({grad_h, grads[0]}, 1), torch::Tensor()};
  }
};

}  // namespace

AffineResult affine_forward(const torch::Tensor& x, const torch::Tensor& network, double a) {
  if (a == 0) return {x + network, x.new_zeros({x.size(0)})};
  auto result = AffineFunction::apply(x, network, a);
  return {result[0], result[1]};
}

torch::Tensor affine_inverse(const torch::Tensor& y, const torch::Tensor& network, double a) {
  if (a == 0) return y - network;
  const int64_t channels = y.size(1);
  const auto log_scale = torch::tanh(network.narrow(1, 0, channels) / a) * a;
  return (y - network.narrow(1, channels, channels)) * (-log_scale).exp();
}

}  // namespace pie

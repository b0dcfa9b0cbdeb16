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
                               const torch::Tensor& network, double a, int64_t items) {
    const int64_t channels = x.size(1);
    const auto tanh = network.narrow(1, 0, channels).mul(1 / a).tanh_();
    const auto scale = tanh.mul(a).exp_();
    ctx->save_for_backward({x, tanh, scale});
    return {torch::addcmul(network.narrow(1, channels, channels), x, scale),
            tanh.view({items, -1}).sum(1).mul_(a)};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &tanh = saved[1], &scale = saved[2];
    const int64_t channels = x.size(1), items = grads[1].size(0);
    const auto grad_value = grads[0].contiguous(), grad_x = grad_value * scale;
    auto grad_network = torch::empty({x.size(0), 2 * channels}, x.options());
    // d value / d log_scale = x * scale; d log_scale / d h = 1 - tanh^2.
    const auto grad_log_scale = grad_x * x;
    grad_log_scale.view({items, -1}).add_(grads[1].unsqueeze(1));
    grad_network.narrow(1, 0, channels)
        .copy_(torch::addcmul(grad_log_scale, grad_log_scale, tanh.square(), -1));
    grad_network.narrow(1, channels, channels).copy_(grad_value);
    return {grad_x, grad_network, torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

AffineResult affine_forward(const torch::Tensor& x, const torch::Tensor& network, double a,
                            int64_t items) {
  if (a == 0) return {x + network, x.new_zeros({items})};
  auto result = AffineFunction::apply(x, network, a, items);
  return {result[0], result[1]};
}

torch::Tensor affine_inverse(const torch::Tensor& y, const torch::Tensor& network, double a) {
  if (a == 0) return y - network;
  const auto [h, b] = split_columns(network, y.size(1));
  return (y - b) * (torch::tanh(h / a) * -a).exp();
}

}  // namespace pie

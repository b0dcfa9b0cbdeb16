#include "lib/nets/row_network.h"

#include "lib/nets/fused_rows.h"

namespace pie {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// The whole network as one node of the graph. Inputs: rows [M, in], then weights, then biases.
class RowNetworkFunction : public torch::autograd::Function<RowNetworkFunction> {
 public:
  static Variable forward(AutogradContext* ctx, RowGrid grid, int64_t kernel, bool bfloat16,
                          at::TensorList inputs) {
    const size_t layers = (inputs.size() - 1) / 2;
    const auto dtype = inputs[0].scalar_type();
    const auto product_dtype = bfloat16 ? torch::kBFloat16 : dtype;
    variable_list saved;  // the input of each layer's product, then its weight
    auto h = spread(inputs[0], grid, kernel, +1, product_dtype);
    for (size_t i = 0; i < layers; ++i) {
      const auto weight = inputs[1 + i].to(product_dtype);
      saved.push_back(h);
      saved.push_back(weight);
      h = at::mm(h, weight);
      if (i + 1 < layers) add_bias_relu_(h, inputs[1 + layers + i]);
    }
    auto out = collect(h, grid, kernel, +1);
    out.add_(inputs[2 * layers]);
    ctx->save_for_backward(saved);
    ctx->saved_data["n"] = grid.n;
    ctx->saved_data["height"] = grid.height;
    ctx->saved_data["width"] = grid.width;
    ctx->saved_data["kernel"] = kernel;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grad_outputs) {
    const RowGrid grid{ctx->saved_data["n"].toInt(), ctx->saved_data["height"].toInt(),
                       ctx->saved_data["width"].toInt()};
    const int64_t kernel = ctx->saved_data["kernel"].toInt();
    const auto saved = ctx->get_saved_variables();
    const size_t layers = saved.size() / 2;
    const auto grad_out = grad_outputs[0].contiguous();
    const auto dtype = grad_out.scalar_type();

    variable_list grads(1 + 2 * layers);
    grads[2 * layers] = grad_out.sum(0);
    auto g = spread(grad_out, grid, kernel, -1, saved[0].scalar_type());
    for (size_t i = layers; i-- > 0;) {
      const auto& input = saved[2 * i];
      const auto& weight = saved[2 * i + 1];
      grads[1 + i] = at::mm(input.t(), g).to(dtype);
      g = at::mm(g, weight.t());
      if (i > 0) grads[layers + i] = relu_backward_(g, input);
    }
    grads[0] = collect(g, grid, kernel, -1);
    variable_list result(3);  // grid, kernel and bfloat16 have no gradient
    result.insert(result.end(), grads.begin(), grads.end());
    return result;
  }
};

}  // namespace

torch::Tensor row_network(const torch::Tensor& rows, const RowGrid& grid, int64_t kernel,
                          bool bfloat16, const std::vector<torch::Tensor>& weights,
                          const std::vector<torch::Tensor>& biases) {
  variable_list inputs{rows};
  inputs.insert(inputs.end(), weights.begin(), weights.end());
  inputs.insert(inputs.end(), biases.begin(), biases.end());
  if (bfloat16 && can_fuse_rows(rows, kernel, weights)) {
    return fused_row_network(grid, kernel, inputs);
  }
  return RowNetworkFunction::apply(grid, kernel, bfloat16, at::TensorList(inputs));
}

}  // namespace pie

#include "lib/flow/recompute.h"

namespace pie {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class RecomputingFunction : public torch::autograd::Function<RecomputingFunction> {
 public:
  struct Call : torch::CustomClassHolder {
    Sequence* flow;
    LogDetEstimator how;
  };

  // Inputs: x, then the parameters, which only say that gradients are wanted.
  static variable_list forward(AutogradContext* ctx, const c10::intrusive_ptr<Call>& call,
                               at::TensorList inputs) {
    const auto mapped = call->flow->forward(inputs[0], call->how);
    ctx->save_for_backward({mapped.value});
    ctx->saved_data["call"] = c10::IValue::make_capsule(call);
    ctx->saved_data["inputs"] = static_cast<int64_t>(inputs.size());
    return {mapped.value, mapped.log_det};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto call = c10::static_intrusive_pointer_cast<Call>(ctx->saved_data["call"].toCapsule());
    auto value = ctx->get_saved_variables()[0];
    auto grad = grads[0];
    const auto& steps = call->flow->steps();
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      torch::Tensor x;
      {
        const torch::NoGradGuard no_grad;
        x = (*step)->inverse(value).detach();
      }
      const torch::AutoGradMode with_grad(true);
      x.requires_grad_(true);
      const auto mapped = (*step)->forward(x, call->how);
      std::vector<torch::Tensor> outputs{mapped.value}, output_grads{grad};
      if (mapped.log_det.requires_grad()) {
        outputs.push_back(mapped.log_det);
        output_grads.push_back(grads[1]);
      }
      torch::autograd::backward(outputs, output_grads);
      grad = x.grad();
      value = x.detach();
    }
    variable_list result(static_cast<size_t>(ctx->saved_data["inputs"].toInt()) + 1);
    result[1] = grad;
    return result;
  }
};

}  // namespace

Mapped forward_recomputing(Sequence& flow, const torch::Tensor& x, const LogDetEstimator& how) {
  const auto call = c10::make_intrusive<RecomputingFunction::Call>();
  call->flow = &flow;
  call->how = how;
  variable_list inputs{x};
  for (const auto& parameter : flow.parameters()) inputs.push_back(parameter);
  const auto result = RecomputingFunction::apply(call, at::TensorList(inputs));
  return {result[0], result[1]};
}

}  // namespace pie

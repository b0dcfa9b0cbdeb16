#include "lib/flow/autoregressive.h"

#include "lib/numerics/affine.h"
#include "lib/numerics/normal_mixture.h"

namespace pie {
namespace {

// The mixtures of numbers [N, D] by a network's parameters [N, 3K * D]: weights before their
// softmax, means as distances from evenly spread ones, logarithms of deviations before their limit.
NormalMixture mixtures(const torch::Tensor& parameters, int64_t components) {
  const auto all = parameters.view({parameters.size(0), 3, components, -1});
  constexpr double kMost = 7;  // of the logarithm of a deviation
  const double count = static_cast<double>(components);
  // Equal components would stay equal.
  const auto spread = (torch::arange(components, parameters.options()) * 2 + (1 - count)) / count;
  return {all.select(1, 0).log_softmax(1), all.select(1, 1) + spread.view({1, -1, 1}) * 2,
          (all.select(1, 2) / kMost).tanh() * kMost};
}

}  // namespace

Autoregressive::Autoregressive(Shape in, const AutoregressiveOptions& options,
                               const AutoregressiveNetFactory& make_net)
    : Bijection(in), options_(options) {
  const int64_t affine = options.scale_clamp > 0 ? 2 : 1;  // h and b, or b alone
  net_ = register_module(
      "net", make_net(in.elements(), options.components > 0 ? 3 * options.components : affine));
}

Mapped Autoregressive::do_forward(const torch::Tensor& x) {
  const int64_t n = x.size(0);
  const auto rows = x.reshape({n, -1});
  const auto parameters = net_->forward(rows);
  if (options_.components == 0) {
    const auto mapped = affine_forward(rows, parameters, options_.scale_clamp, n);
    return {mapped.value.view(x.sizes()), mapped.log_det};
  }
  const auto mapped = to_normal(rows, mixtures(parameters, options_.components));
  return {mapped.value.view(x.sizes()), mapped.log_slope.sum(1)};
}

torch::Tensor Autoregressive::do_inverse(const torch::Tensor& z) {
  const auto rows = z.reshape({z.size(0), -1});
  const auto x = net_->choose(rows.size(0), [&](int64_t i, const torch::Tensor& parameters) {
    const auto y = rows.narrow(1, i, 1);
    return options_.components == 0 ? affine_inverse(y, parameters, options_.scale_clamp)
                                    : from_normal(y, mixtures(parameters, options_.components));
  });
  return x.view(z.sizes());
}

}  // namespace pie

#include "lib/train/optimizer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

namespace pie {

FlatParameters::FlatParameters(torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  const auto parameters = module.named_parameters();
  int64_t total = 0;
  for (const auto& item : parameters) {
    total += item.value().numel();
    names_.push_back(item.key());
    ends_.push_back(total);
  }
  values = torch::empty({total});
  gradients = torch::zeros({total});
  for (size_t i = 0; i < ends_.size(); ++i) {
    auto parameter = parameters[i].value();
    const int64_t begin = ends_[i] - parameter.numel();
    auto view = values.narrow(0, begin, parameter.numel()).view(parameter.sizes());
    view.copy_(parameter);
    parameter.set_data(view);
    parameter.mutable_grad() =
        gradients.narrow(0, begin, parameter.numel()).view(parameter.sizes());
  }
}

std::string FlatParameters::name_at(int64_t index) const {
  const auto it = std::upper_bound(ends_.begin(), ends_.end(), index);
  return names_[static_cast<size_t>(it - ends_.begin())];
}

Adam::Adam(FlatParameters& parameters, const AdamOptions& options)
    : first_moment(torch::zeros_like(parameters.values)),
      second_moment(torch::zeros_like(parameters.values)),
      average(parameters.values.clone()),
      parameters_(parameters),
      options_(options) {}

double Adam::step(double learning_rate) {
  const double norm = parameters_.gradients.to(torch::kFloat64).norm().item<double>();
  if (!std::isfinite(norm)) return norm;
  ++steps;
  const auto t = static_cast<double>(steps);
  const double clip =
      options_.clip_norm > 0 && norm > options_.clip_norm ? options_.clip_norm / norm : 1.0;
  const double correction1 = 1 - std::pow(options_.beta1, t);
  const double correction2 = 1 - std::pow(options_.beta2, t);
  const double decay = std::min(options_.ema_decay, (1 + t) / (10 + t));

  const auto b1 = static_cast<float>(options_.beta1), b2 = static_cast<float>(options_.beta2);
  const auto rate = static_cast<float>(learning_rate / correction1);
  const auto inverse_root = static_cast<float>(1 / std::sqrt(correction2));
  const auto epsilon = static_cast<float>(options_.epsilon);
  const auto scale = static_cast<float>(clip), keep = static_cast<float>(decay);
  float* value = parameters_.values.data_ptr<float>();
  const float* gradient = parameters_.gradients.data_ptr<float>();
  float* m = first_moment.data_ptr<float>();
  float* v = second_moment.data_ptr<float>();
  float* mean = average.data_ptr<float>();
  at::parallel_for(0, parameters_.values.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float g = gradient[i] * scale;
      m[i] = b1 * m[i] + (1 - b1) * g;
      v[i] = b2 * v[i] + (1 - b2) * g * g;
      value[i] -= rate * m[i] / (std::sqrt(v[i]) * inverse_root + epsilon);
      mean[i] = keep * mean[i] + (1 - keep) * value[i];
    }
  });
  return norm;
}

}  // namespace pie

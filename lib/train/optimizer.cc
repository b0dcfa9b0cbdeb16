#include "lib/train/optimizer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "lib/base/cpu_clones.h"

namespace pie {
namespace {

struct AdamConstants {
  float beta1, beta2, rate, inverse_root, epsilon, scale, keep;
};

PIE_CPU_CLONES void adam_elements(const AdamConstants& k, int64_t n, const float* gradient,
                                  float* value, float* m, float* v, float* mean) {
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * k.scale;
    m[i] = k.beta1 * m[i] + (1 - k.beta1) * g;
    v[i] = k.beta2 * v[i] + (1 - k.beta2) * g * g;
    value[i] -= k.rate * m[i] / (std::sqrt(v[i]) * k.inverse_root + k.epsilon);
    mean[i] = k.keep * mean[i] + (1 - k.keep) * value[i];
  }
}

}  // namespace

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

  AdamConstants k;
  k.beta1 = static_cast<float>(options_.beta1);
  k.beta2 = static_cast<float>(options_.beta2);
  k.rate = static_cast<float>(learning_rate / correction1);
  k.inverse_root = static_cast<float>(1 / std::sqrt(correction2));
  k.epsilon = static_cast<float>(options_.epsilon);
  k.scale = static_cast<float>(clip);
  k.keep = static_cast<float>(decay);
  float* value = parameters_.values.data_ptr<float>();
  const float* gradient = parameters_.gradients.data_ptr<float>();
  float* m = first_moment.data_ptr<float>();
  float* v = second_moment.data_ptr<float>();
  float* mean = average.data_ptr<float>();
  at::parallel_for(0, parameters_.values.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
    adam_elements(k, end - begin, gradient + begin, value + begin, m + begin, v + begin,
                  mean + begin);
  });
  return norm;
}

}  // namespace pie

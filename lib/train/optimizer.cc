#include "lib/train/optimizer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lib/base/cpu_clones.h"

namespace pie {
namespace {

// Elements of the gradient whose squares are summed together: fixed, so that the norm does not
// depend on the number of threads.
constexpr int64_t kChunk = 1 << 15;

// Adds `others` to `sum` and returns the sum of squares of the result.
PIE_CPU_CLONES double add_and_square(float* sum, const std::vector<const float*>& others,
                                     int64_t n) {
  for (const float* other : others) {
    for (int64_t i = 0; i < n; ++i) sum[i] += other[i];
  }
  constexpr int64_t kLanes = 16;
  double lanes[kLanes] = {};
  const int64_t whole = n - n % kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) {
      const double v = sum[i + k];
      lanes[k] += v * v;
    }
  }
  for (int64_t i = whole; i < n; ++i) lanes[0] += static_cast<double>(sum[i]) * sum[i];
  return std::accumulate(lanes, lanes + kLanes, 0.0);
}

struct AdamConstants {
  float beta1, beta2, rate, inverse_root, epsilon, scale, shrink, keep;
};

PIE_CPU_CLONES void adam_elements(const AdamConstants& k, int64_t n, const float* gradient,
                                  float* value, float* m, float* v, float* mean) {
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * k.scale;
    m[i] = k.beta1 * m[i] + (1 - k.beta1) * g;
    v[i] = k.beta2 * v[i] + (1 - k.beta2) * g * g;
    value[i] = value[i] * k.shrink - k.rate * m[i] / (std::sqrt(v[i]) * k.inverse_root + k.epsilon);
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
  for (const auto& item : module.named_buffers()) buffers[item.key()] = item.value();
  values = torch::empty({total});
  for (size_t i = 0; i < ends_.size(); ++i) {
    const auto& parameter = parameters[i].value();
    values.narrow(0, ends_[i] - parameter.numel(), parameter.numel()).copy_(parameter.flatten());
  }
  bind(module);
}

void FlatParameters::add_replica(torch::nn::Module& module) { bind(module); }

void FlatParameters::bind(torch::nn::Module& module) {
  for (auto& item : module.named_buffers()) item.value().set_data(buffers.at(item.key()));
  gradients.push_back(torch::zeros_like(values));
  size_t i = 0;
  for (auto& parameter : module.parameters()) {
    const int64_t size = parameter.numel();
    const int64_t begin = ends_[i++] - size;
    parameter.set_data(values.narrow(0, begin, size).view(parameter.sizes()));
    parameter.mutable_grad() = gradients.back().narrow(0, begin, size).view(parameter.sizes());
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
  const int64_t total = parameters_.values.numel();
  std::vector<float*> gradients;
  for (auto& gradient : parameters_.gradients) gradients.push_back(gradient.data_ptr<float>());

  std::vector<double> squares(static_cast<size_t>((total + kChunk - 1) / kChunk));
  at::parallel_for(0, static_cast<int64_t>(squares.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t first = chunk * kChunk;
      std::vector<const float*> others;
      for (size_t r = 1; r < gradients.size(); ++r) others.push_back(gradients[r] + first);
      squares[static_cast<size_t>(chunk)] =
          add_and_square(gradients[0] + first, others, std::min(kChunk, total - first));
    }
  });
  const double norm = std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
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
  k.shrink = static_cast<float>(1 - learning_rate * options_.weight_decay);
  k.keep = static_cast<float>(decay);
  float* value = parameters_.values.data_ptr<float>();
  float* m = first_moment.data_ptr<float>();
  float* v = second_moment.data_ptr<float>();
  float* mean = average.data_ptr<float>();
  at::parallel_for(0, total, kChunk, [&](int64_t begin, int64_t end) {
    adam_elements(k, end - begin, gradients[0] + begin, value + begin, m + begin, v + begin,
                  mean + begin);
    for (float* gradient : gradients) std::fill(gradient + begin, gradient + end, 0.0F);
  });
  return norm;
}

}  // namespace pie

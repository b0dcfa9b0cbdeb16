#include "lib/train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "lib/base/cpu_clones.h"
#include "lib/numerics/batches.h"
#include "lib/numerics/own_loops.h"

namespace pie {

struct Optimizer::AdamConstants {
  float beta1, beta2, rate, inverse_root, epsilon, scale, shrink;
};

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

PIE_CPU_CLONES void adam_elements(const Optimizer::AdamConstants& k, int64_t n,
                                  const float* gradient, float* value, float* m, float* v) {
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * k.scale;
    m[i] = k.beta1 * m[i] + (1 - k.beta1) * g;
    v[i] = k.beta2 * v[i] + (1 - k.beta2) * g * g;
    value[i] = value[i] * k.shrink - k.rate * m[i] / (std::sqrt(v[i]) * k.inverse_root + k.epsilon);
  }
}

PIE_CPU_CLONES void average_elements(float keep, int64_t n, const float* value, float* mean) {
  for (int64_t i = 0; i < n; ++i) mean[i] = keep * mean[i] + (1 - keep) * value[i];
}

// Heads with a few outputs, and layers with a few inputs, are better off with Adam.
bool is_matrix(const FlatParameters::Place& place) {
  constexpr int64_t kLeast = 16;
  return place.shape.size() >= 2 && place.shape[0] >= kLeast &&
         (place.end - place.begin) / place.shape[0] >= kLeast;
}

}  // namespace

FlatParameters::FlatParameters(torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  const auto parameters = module.named_parameters();
  int64_t total = 0;
  for (const auto& item : parameters) {
    const int64_t begin = std::exchange(total, total + item.value().numel());
    places_.push_back({item.key(), begin, total, item.value().sizes().vec()});
  }
  for (const auto& item : module.named_buffers()) buffers[item.key()] = item.value();
  values = parameters.is_empty() ? torch::empty({0})
                                 : torch::empty({total}, parameters[0].value().options());
  for (size_t i = 0; i < places_.size(); ++i) {
    values.slice(0, places_[i].begin, places_[i].end).copy_(parameters[i].value().flatten());
  }
  bind(module);
}

void FlatParameters::add_replica(torch::nn::Module& module) { bind(module); }

void FlatParameters::bind(torch::nn::Module& module) {
  for (auto& item : module.named_buffers()) item.value().set_data(buffers.at(item.key()));
  gradients.push_back(torch::zeros_like(values));
  auto place = places_.begin();
  for (auto& parameter : module.parameters()) {
    const auto [begin, end] = std::pair(place->begin, place->end);
    parameter.set_data(values.slice(0, begin, end).view(parameter.sizes()));
    parameter.mutable_grad() = gradients.back().slice(0, begin, end).view(parameter.sizes());
    ++place;
  }
}

std::string FlatParameters::name_at(int64_t index) const {
  return std::upper_bound(places_.begin(), places_.end(), index,
                          [](int64_t at, const Place& place) { return at < place.end; })
      ->name;
}

torch::Tensor orthogonalized(const torch::Tensor& m) {
  // The coefficients of Jordan et al.
  constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
  constexpr int kSteps = 5;
  const bool tall = m.size(0) > m.size(1);
  auto x = tall ? m.t() : m;
  constexpr double kLeastNorm = 1e-7;  // what has no gradient to speak of shall not move
  x = x / (x.norm() + kLeastNorm);
  for (int i = 0; i < kSteps; ++i) {
    const auto square = x.mm(x.t());
    x = kA * x + (kB * square + kC * square.mm(square)).mm(x);
  }
  return tall ? x.t() : x;
}

Optimizer::Optimizer(FlatParameters& parameters, const OptimizerOptions& options)
    : first_moment(torch::zeros_like(parameters.values)),
      second_moment(torch::zeros_like(parameters.values)),
      average(parameters.values.clone()),
      parameters_(parameters),
      options_(options) {
  int64_t at = 0;
  const auto add_rest = [&](int64_t end) {
    for (; at < end; at = std::min(at + kChunk, end)) {
      rest_.emplace_back(at, std::min(at + kChunk, end));
    }
  };
  for (const auto& place : parameters.places()) {
    if (!options.muon || !is_matrix(place)) continue;
    add_rest(place.begin);
    matrices_.push_back(place);
    at = place.end;
  }
  add_rest(parameters.values.numel());
}

void Optimizer::move_matrix(const FlatParameters::Place& place, double learning_rate, double clip) {
  constexpr double kSize = 0.2;  // of an element's step, in learning rates
  const torch::NoGradGuard no_grad;
  const auto part = [&](const torch::Tensor& all) {
    return all.slice(0, place.begin, place.end).view({place.shape[0], -1});
  };
  const auto gradient = part(parameters_.gradients[0]) * clip;
  auto momentum = part(first_moment), value = part(parameters_.values);
  momentum.mul_(options_.momentum).add_(gradient);
  const auto along = orthogonalized(gradient + options_.momentum * momentum);
  const auto longer = static_cast<double>(std::max(along.size(0), along.size(1)));
  value.mul_(1 - learning_rate * options_.weight_decay)
      .sub_(along, learning_rate * kSize * std::sqrt(longer));
}

double Optimizer::sum_gradients() {
  auto& all = parameters_.gradients;
  if (!own_loops(parameters_.values)) {
    for (size_t r = 1; r < all.size(); ++r) all[0].add_(all[r]);
    return all[0].to(torch::kFloat64).norm().item<double>();
  }
  const int64_t total = parameters_.values.numel();
  std::vector<float*> gradients;
  gradients.reserve(all.size());
  for (auto& gradient : all) gradients.push_back(gradient.data_ptr<float>());
  std::vector<double> squares(static_cast<size_t>((total + kChunk - 1) / kChunk));
  for_each_on_one_thread(squares.size(), [&](size_t chunk) {
    const auto first = static_cast<int64_t>(chunk) * kChunk;
    std::vector<const float*> others;
    others.reserve(gradients.size());
    for (size_t r = 1; r < gradients.size(); ++r) others.push_back(gradients[r] + first);
    squares[chunk] = add_and_square(gradients[0] + first, others, std::min(kChunk, total - first));
  });
  return std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
}

void Optimizer::move(int64_t begin, int64_t end, const AdamConstants& k) {
  auto& gradient = parameters_.gradients[0];
  if (own_loops(gradient)) {
    return adam_elements(k, end - begin, gradient.data_ptr<float>() + begin,
                         parameters_.values.data_ptr<float>() + begin,
                         first_moment.data_ptr<float>() + begin,
                         second_moment.data_ptr<float>() + begin);
  }
  const torch::NoGradGuard no_grad;
  const auto g = gradient.slice(0, begin, end) * k.scale;
  auto m = first_moment.slice(0, begin, end), v = second_moment.slice(0, begin, end);
  m.mul_(k.beta1).add_(g, 1 - k.beta1);
  v.mul_(k.beta2).addcmul_(g, g, 1 - k.beta2);
  parameters_.values.slice(0, begin, end)
      .mul_(k.shrink)
      .addcdiv_(m, v.sqrt().mul_(k.inverse_root).add_(k.epsilon), -k.rate);
}

void Optimizer::remember(int64_t begin, int64_t end, float keep) {
  if (!own_loops(average)) {
    const torch::NoGradGuard no_grad;
    average.slice(0, begin, end).mul_(keep).add_(parameters_.values.slice(0, begin, end), 1 - keep);
    for (auto& gradient : parameters_.gradients) gradient.slice(0, begin, end).zero_();
    return;
  }
  average_elements(keep, end - begin, parameters_.values.data_ptr<float>() + begin,
                   average.data_ptr<float>() + begin);
  for (auto& gradient : parameters_.gradients) {
    std::fill(gradient.data_ptr<float>() + begin, gradient.data_ptr<float>() + end, 0.0F);
  }
}

double Optimizer::step(double learning_rate) {
  const double norm = sum_gradients();
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
  const auto keep = static_cast<float>(decay);
  for_each_on_one_thread(matrices_.size(), [&](size_t i) {
    move_matrix(matrices_[i], learning_rate, clip);
    remember(matrices_[i].begin, matrices_[i].end, keep);
  });
  for_each_on_one_thread(rest_.size(), [&](size_t i) {
    const auto [begin, end] = rest_[i];
    move(begin, end, k);
    remember(begin, end, keep);
  });
  return norm;
}

}  // namespace pie

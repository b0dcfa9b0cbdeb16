#include "lib/numerics/mixture_likelihood.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lib/base/cpu_clones.h"
#include "lib/numerics/exponential.h"
#include "lib/numerics/own_loops.h"

namespace pie {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Samples that are worked on together, so that loops over them vectorise.
constexpr int64_t kLanes = 64;

// Room for kLanes samples and K components: [K, kLanes] each.
struct Lanes {
  explicit Lanes(int64_t components)
      : weight(size(components)), mean(weight), scale(weight), mass(weight) {}
  static size_t size(int64_t components) { return static_cast<size_t>(components * kLanes); }
  // The parameters in natural units; in the end the gradients with respect to them.
  std::vector<float> weight, mean, scale;
  std::vector<float> mass;
};

// P of kLanes samples to `out`, and the gradients of ln P in place of the parameters, of which the
// means count from `base`.
PIE_CPU_CLONES void mixture_lanes(const float* v, const float* base, int64_t components,
                                  MeanRange range, float floor, float* weight, float* mean,
                                  float* scale, float* mass, float* out) {
  float most[kLanes], total[kLanes], sum[kLanes];
  std::copy_n(weight, kLanes, most);
  for (int64_t k = 1; k < components; ++k) {
    for (int64_t i = 0; i < kLanes; ++i) most[i] = std::max(most[i], weight[k * kLanes + i]);
  }
  std::fill_n(total, kLanes, 0.0F);
  std::fill_n(sum, kLanes, 0.0F);
  const auto low = static_cast<float>(range.low), high = static_cast<float>(range.high);
  for (int64_t k = 0; k < components; ++k) {
    float *w = weight + k * kLanes, *m = mean + k * kLanes, *s = scale + k * kLanes;
    float* p = mass + k * kLanes;
    for (int64_t i = 0; i < kLanes; ++i) {
      // Mirrored at the mean if v is above it, so that both values of the logistic function are
      // small where they are nearly equal.
      const float mean_level = m[i] + base[i];
      const float clamped = std::min(std::max(mean_level, low), high);
      const float distance = v[i] - clamped;
      const float mirror = distance > 0 ? -1.0F : 1.0F;
      const float rate = exponential(-s[i]);
      const float upper = (mirror * distance + 0.5F) * rate;
      const float lower = (mirror * distance - 0.5F) * rate;
      const bool open_above = mirror > 0 ? v[i] >= 255 : v[i] <= 0;
      const bool open_below = mirror > 0 ? v[i] <= 0 : v[i] >= 255;
      const float above = 1 / (1 + exponential(-upper)), below = 1 / (1 + exponential(-lower));
      p[i] = (open_above ? 1.0F : above) - (open_below ? 0.0F : below);
      const float at_upper = open_above ? 0.0F : above * (1 - above);
      const float at_lower = open_below ? 0.0F : below * (1 - below);
      const float share = exponential(w[i] - most[i]);
      w[i] = share;
      m[i] = clamped == mean_level ? share * mirror * rate * (at_lower - at_upper) : 0.0F;
      s[i] = share * (lower * at_lower - upper * at_upper);
      total[i] += share;
      sum[i] += share * p[i];
    }
  }
  for (int64_t i = 0; i < kLanes; ++i) {
    sum[i] = sum[i] / total[i];  // the mixture's mass
    most[i] = 1 / (total[i] * (sum[i] + floor));
  }
  for (int64_t k = 0; k < components; ++k) {
    float *w = weight + k * kLanes, *m = mean + k * kLanes, *s = scale + k * kLanes;
    const float* p = mass + k * kLanes;
    for (int64_t i = 0; i < kLanes; ++i) {
      w[i] *= (p[i] - sum[i]) * most[i];
      m[i] *= most[i];
      s[i] *= most[i];
    }
  }
  for (int64_t i = 0; i < kLanes; ++i) out[i] = sum[i] + floor;
}

class LogisticMixtureLogProb : public torch::autograd::Function<LogisticMixtureLogProb> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& parameters,
                               const torch::Tensor& base, const torch::Tensor& v, double unit,
                               MeanRange range, double floor) {
    const int64_t rows = parameters.size(0), columns = parameters.size(1);
    const int64_t components = columns / 3;
    const auto contiguous = parameters.contiguous();
    const auto levels = v.contiguous(), bases = (base * unit).contiguous();
    auto result = torch::empty({rows}), gradient = torch::empty({rows, columns});
    const float *from = contiguous.data_ptr<float>(), *level = levels.data_ptr<float>();
    const float* base_levels = bases.data_ptr<float>();
    float *out = result.data_ptr<float>(), *to = gradient.data_ptr<float>();
    const auto scale = static_cast<float>(unit);
    Lanes lanes(components);
    const auto part = [&](int64_t column) {
      auto& kind = column < components       ? lanes.weight
                   : column < 2 * components ? lanes.mean
                                             : lanes.scale;
      return kind.data() + column % components * kLanes;
    };
    for (int64_t row = 0; row < rows; row += kLanes) {
      const int64_t n = std::min(kLanes, rows - row);
      float values[kLanes] = {}, middles[kLanes] = {}, probabilities[kLanes];
      std::copy_n(level + row, n, values);
      std::copy_n(base_levels + row, n, middles);
      for (int64_t c = 0; c < columns; ++c) {
        float* lane = part(c);
        for (int64_t i = 0; i < n; ++i) lane[i] = from[(row + i) * columns + c] * scale;
        std::fill(lane + n, lane + kLanes, 0.0F);
      }
      mixture_lanes(values, middles, components, range, static_cast<float>(floor),
                    lanes.weight.data(), lanes.mean.data(), lanes.scale.data(), lanes.mass.data(),
                    probabilities);
      for (int64_t i = 0; i < n; ++i) out[row + i] = std::log(probabilities[i]);
      for (int64_t c = 0; c < columns; ++c) {
        const float* lane = part(c);
        for (int64_t i = 0; i < n; ++i) to[(row + i) * columns + c] = lane[i] * scale;
      }
    }
    ctx->save_for_backward({gradient});
    return result;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    return {ctx->get_saved_variables()[0] * grads[0].unsqueeze(1), {}, {}, {}, {}, {}};
  }
};

// The same from LibTorch's operations and their gradients.
torch::Tensor plain_log_prob(const torch::Tensor& parameters, const torch::Tensor& base,
                             const torch::Tensor& v, double unit, MeanRange range, double floor) {
  const auto kinds = (parameters * unit).chunk(3, 1);
  const auto level = v.unsqueeze(1);
  const auto mean = (kinds[1] + (base * unit).unsqueeze(1)).clamp(range.low, range.high);
  const auto rate = torch::exp(-kinds[2]), distance = level - mean;
  const auto above_mean = distance > 0;
  const auto towards = torch::where(above_mean, -distance, distance);
  const auto last = torch::where(above_mean, level <= 0, level >= 255),
             first = torch::where(above_mean, level >= 255, level <= 0);
  const auto mass = torch::sigmoid((towards + 0.5) * rate).masked_fill(last, 1) -
                    torch::sigmoid((towards - 0.5) * rate).masked_fill(first, 0);
  return torch::log((torch::softmax(kinds[0], 1) * mass).sum(1) + floor);
}

}  // namespace

torch::Tensor logistic_mixture_log_prob(const torch::Tensor& parameters, const torch::Tensor& base,
                                        const torch::Tensor& v, double unit, MeanRange range,
                                        double floor) {
  if (!own_loops(parameters)) return plain_log_prob(parameters, base, v, unit, range, floor);
  return LogisticMixtureLogProb::apply(parameters, base, v, unit, range, floor);
}

}  // namespace pie

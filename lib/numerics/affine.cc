#include "lib/numerics/affine.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

#include "lib/base/cpu_clones.h"
#include "lib/numerics/channel_constant.h"
#include "lib/numerics/element.h"
#include "lib/numerics/exponential.h"
#include "lib/numerics/own_loops.h"
#include "lib/numerics/rows.h"

namespace pie {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

double hyperbolic_tangent(double x) { return std::tanh(x); }
// Within two units in the last place of 1.
inline float hyperbolic_tangent(float x) { return 1 - 2 / (exponential(2 * x) + 1); }

// One item's tensors, n rows: network [n, 2C], the others [n, C].
template <typename T>
struct AffineRows {
  const T *x, *network;
  T *value, *tanh, *scale;
};

// Maps one item and returns its log-det.
template <int kChannels, typename T>
PIE_CPU_CLONES double map_rows(const AffineRows<T>& r, T a, int64_t n, int64_t any_channels) {
  const int64_t channels = kChannels > 0 ? kChannels : any_channels;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t c = 0; c < channels; ++c) {
      r.tanh[i * channels + c] = r.network[2 * i * channels + c] * (1 / a);
    }
  }
  constexpr int64_t kLanes = 16;
  T lanes[kLanes] = {};
  const int64_t total = n * channels, whole = total - total % kLanes;
  const auto squash = [&](int64_t i) {
    r.tanh[i] = hyperbolic_tangent(r.tanh[i]);
    r.scale[i] = exponential(a * r.tanh[i]);
    return r.tanh[i];
  };
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += squash(i + lane);
  }
  for (int64_t i = whole; i < total; ++i) lanes[0] += squash(i);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t at = i * channels + c;
      r.value[at] = r.x[at] * r.scale[at] + r.network[(2 * i + 1) * channels + c];
    }
  }
  return a * std::accumulate(lanes, lanes + kLanes, 0.0);
}

template <typename T>
struct MappedRows {
  const T *x, *tanh, *scale;
};

// One item's gradients by x and network. d value / d log_scale = x * scale; d log_scale / d h = 1 -
// tanh^2.
template <int kChannels, typename T>
PIE_CPU_CLONES void map_gradients(const MappedRows<T>& r, const T* grad_value, T grad_log_det,
                                  T* grad_x, T* grad_network, int64_t n, int64_t any_channels) {
  const int64_t channels = kChannels > 0 ? kChannels : any_channels;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t at = i * channels + c;
      grad_x[at] = grad_value[at] * r.scale[at];
      grad_network[2 * i * channels + c] =
          (grad_x[at] * r.x[at] + grad_log_det) * (1 - r.tanh[at] * r.tanh[at]);
      grad_network[(2 * i + 1) * channels + c] = grad_value[at];
    }
  }
}

// One node for the whole map: as separate operations it would cost more than the products of a
// narrow coupling network.
class AffineFunction : public torch::autograd::Function<AffineFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const torch::Tensor& x,
                               const torch::Tensor& network, double a, int64_t items) {
    auto value = torch::empty_like(x), tanh = torch::empty_like(x), scale = torch::empty_like(x);
    auto log_det = torch::zeros({items}, x.options());
    ctx->save_for_backward({x, tanh, scale});
    for_each_item(x, items, [&](auto constant, auto element, int64_t item, int64_t at, int64_t n) {
      using T = decltype(element);
      const AffineRows<T> rows{x.data_ptr<T>() + at, network.data_ptr<T>() + 2 * at,
                               value.data_ptr<T>() + at, tanh.data_ptr<T>() + at,
                               scale.data_ptr<T>() + at};
      log_det.data_ptr<T>()[item] =
          static_cast<T>(map_rows<constant>(rows, static_cast<T>(a), n, x.size(1)));
    });
    return {value, log_det};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &tanh = saved[1], &scale = saved[2];
    const auto grad_value = grads[0].contiguous(), grad_log_det = grads[1].contiguous();
    auto grad_x = torch::empty_like(x);
    auto grad_network = torch::empty({x.size(0), 2 * x.size(1)}, x.options());
    for_each_item(x, grad_log_det.size(0),
                  [&](auto constant, auto element, int64_t item, int64_t at, int64_t n) {
                    using T = decltype(element);
                    map_gradients<constant>(
                        MappedRows<T>{x.data_ptr<T>() + at, tanh.data_ptr<T>() + at,
                                      scale.data_ptr<T>() + at},
                        grad_value.data_ptr<T>() + at, grad_log_det.data_ptr<T>()[item],
                        grad_x.data_ptr<T>() + at, grad_network.data_ptr<T>() + 2 * at, n,
                        x.size(1));
                  });
    return {grad_x, grad_network, torch::Tensor(), torch::Tensor()};
  }

 private:
  // Calls body(channels as a constant, a number, item, where its numbers begin, its rows).
  template <typename Body>
  static void for_each_item(const torch::Tensor& x, int64_t items, const Body& body) {
    if (x.numel() == 0) return;
    const int64_t n = x.size(0) / items, numbers = n * x.size(1);
    dispatch_element(x.scalar_type(), [&](auto element) {
      if constexpr (std::is_same_v<decltype(element), at::BFloat16>) {
        TORCH_CHECK(false, "an affine map is of float32 or float64");
      } else {
        with_channels(x.size(1), [&](auto constant) {
          at::parallel_for(0, items, std::max<int64_t>(1, 8192 / numbers),
                           [&](int64_t begin, int64_t end) {
                             for (int64_t item = begin; item < end; ++item) {
                               body(constant, element, item, item * numbers, n);
                             }
                           });
        });
      }
    });
  }
};

}  // namespace

AffineResult affine_forward(const torch::Tensor& x, const torch::Tensor& network, double a,
                            int64_t items) {
  if (a == 0) return {x + network, x.new_zeros({items})};
  if (!own_loops(x)) {
    const auto parts = network.chunk(2, 1);
    const auto log_scale = torch::tanh(parts[0] / a) * a;
    return {torch::addcmul(parts[1], x, log_scale.exp()), log_scale.reshape({items, -1}).sum(1)};
  }
  auto result = AffineFunction::apply(x.contiguous(), network.contiguous(), a, items);
  return {result[0], result[1]};
}

torch::Tensor affine_inverse(const torch::Tensor& y, const torch::Tensor& network, double a) {
  if (a == 0) return y - network;
  const auto [h, b] = split_columns(network, y.size(1));
  return (y - b) * (torch::tanh(h / a) * -a).exp();
}

}  // namespace pie

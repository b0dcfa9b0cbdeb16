#include "lib/numerics/activation.h"

#include <cmath>
#include <type_traits>

#include "lib/base/cpu_clones.h"
#include "lib/base/error.h"
#include "lib/numerics/element.h"
#include "lib/numerics/exponential.h"
#include "lib/numerics/own_loops.h"

namespace pie {
namespace {

// Value, slope and curvature at one point.
template <Activation kKind, typename T>
inline void at_point(T x, T& value, T& slope, T& curvature) {
  if constexpr (kKind == Activation::kElu) {
    const T e = exponential(std::min(x, T(0)));
    value = x > 0 ? x : e - 1;
    slope = x > 0 ? T(1) : e;
    curvature = x > 0 ? T(0) : e;
  } else if constexpr (kKind == Activation::kSoftplus) {
    const T e = exponential(-std::abs(x));
    const T s = (x > 0 ? T(1) : e) / (1 + e);
    value = std::max(x, T(0)) + std::log1p(e);
    slope = s;
    curvature = s * (1 - s);
  } else if constexpr (kKind == Activation::kLipSwish) {
    constexpr T kScale = T(1) / T(1.1);
    const T s = 1 / (1 + exponential(-x));
    const T ds = s * (1 - s);
    value = kScale * x * s;
    slope = kScale * (s + x * ds);
    curvature = kScale * ds * (2 + x * (1 - 2 * s));
  } else {
    value = x < 0 ? T(0) : x;  // NaN stays NaN
    slope = x > 0 ? T(1) : T(0);
    curvature = T(0);
  }
}

// Some rows; `bias` may be null, and what is beyond kDerivatives is not touched.
template <Activation kKind, int kDerivatives, typename T, typename Wide = typename Element<T>::Wide>
PIE_CPU_CLONES void activate_rows(const T* x, const Wide* bias, T* value, T* slope, T* curvature,
                                  int64_t rows, int64_t channels) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t i = r * channels + c;
      const Wide point = Element<T>::load(x[i]) + (bias != nullptr ? bias[c] : Wide(0));
      Wide f, d, s;
      at_point<kKind, Wide>(point, f, d, s);
      Element<T>::store(value[i], f);
      if constexpr (kDerivatives > 0) Element<T>::store(slope[i], d);
      if constexpr (kDerivatives > 1) Element<T>::store(curvature[i], s);
    }
  }
}

// Calls fn with the kind and the number of derivatives as compile-time constants.
template <typename Fn>
void with_constants(Activation kind, int derivatives, const Fn& fn) {
  const auto with_derivatives = [&](auto constant) {
    if (derivatives == 0) return fn(constant, std::integral_constant<int, 0>{});
    if (derivatives == 1) return fn(constant, std::integral_constant<int, 1>{});
    return fn(constant, std::integral_constant<int, 2>{});
  };
  switch (kind) {
    case Activation::kElu:
      return with_derivatives(std::integral_constant<Activation, Activation::kElu>{});
    case Activation::kSoftplus:
      return with_derivatives(std::integral_constant<Activation, Activation::kSoftplus>{});
    case Activation::kLipSwish:
      return with_derivatives(std::integral_constant<Activation, Activation::kLipSwish>{});
    case Activation::kRelu:
      return with_derivatives(std::integral_constant<Activation, Activation::kRelu>{});
  }
}

template <typename T>
PIE_CPU_CLONES void push_forward(const T* k, const T* slope, const T* curvature, T* t, T* bend,
                                 int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const auto tangent = Element<T>::load(k[i]);
    Element<T>::store(t[i], Element<T>::load(slope[i]) * tangent);
    Element<T>::store(bend[i], Element<T>::load(curvature[i]) * tangent);
  }
}

template <typename T>
PIE_CPU_CLONES void multiply(T* g, const T* slope, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    Element<T>::store(g[i], Element<T>::load(g[i]) * Element<T>::load(slope[i]));
  }
}

template <typename T, typename Wide = typename Element<T>::Wide>
PIE_CPU_CLONES void pull_back_pair(T* t, T* u, const T* slope, const T* bend, Wide* sums,
                                   int64_t rows, int64_t channels) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t i = r * channels + c;
      const Wide adjoint = Element<T>::load(t[i]);
      const Wide s = Element<T>::load(slope[i]);
      const Wide pulled = s * Element<T>::load(u[i]) + Element<T>::load(bend[i]) * adjoint;
      Element<T>::store(t[i], s * adjoint);
      Element<T>::store(u[i], pulled);
      sums[c] += pulled;
    }
  }
}

// at_point of every element.
Activated plain_activate(const torch::Tensor& x, Activation kind) {
  switch (kind) {
    case Activation::kElu: {
      const auto above = x > 0, e = x.clamp_max(0).exp();
      return {torch::where(above, x, e - 1), e, e.masked_fill(above, 0)};
    }
    case Activation::kSoftplus: {
      const auto s = x.sigmoid();
      return {x.clamp_min(0) + torch::log1p((-x.abs()).exp()), s, s * (1 - s)};
    }
    case Activation::kLipSwish: {
      constexpr double kScale = 1 / 1.1;
      const auto s = x.sigmoid(), ds = s * (1 - s);
      return {kScale * x * s, kScale * (s + x * ds), kScale * ds * (2 + x * (1 - 2 * s))};
    }
    case Activation::kRelu:
      break;
  }
  return {x.relu(), (x > 0).to(x.dtype()), torch::zeros_like(x)};
}

}  // namespace

Activation parse_activation(const std::string& name) {
  if (name == "elu") return Activation::kElu;
  if (name == "softplus") return Activation::kSoftplus;
  if (name == "lipswish") return Activation::kLipSwish;
  if (name == "relu") return Activation::kRelu;
  throw UsageError("an activation is elu, softplus, lipswish or relu, not '" + name + "'");
}

Activated activate(const torch::Tensor& x, const torch::Tensor& bias, Activation kind,
                   int derivatives) {
  if (!own_loops(x)) {
    const auto wide = x.to(wide_dtype(x));
    auto [value, slope, curvature] = plain_activate(bias.defined() ? wide + bias : wide, kind);
    return {value.to(x.dtype()), derivatives > 0 ? slope.to(x.dtype()) : torch::Tensor(),
            derivatives > 1 ? curvature.to(x.dtype()) : torch::Tensor()};
  }
  const auto input = x.contiguous();
  Activated result{torch::empty_like(input), {}, {}};
  if (derivatives > 0) result.slope = torch::empty_like(input);
  if (derivatives > 1) result.curvature = torch::empty_like(input);
  const int64_t channels = input.size(1);
  dispatch_element(input.scalar_type(), [&](auto element) {
    using T = decltype(element);
    const T* from = input.data_ptr<T>();
    const auto* add = bias.defined() ? bias.data_ptr<typename Element<T>::Wide>() : nullptr;
    T* value = result.value.data_ptr<T>();
    T* slope = derivatives > 0 ? result.slope.data_ptr<T>() : nullptr;
    T* curvature = derivatives > 1 ? result.curvature.data_ptr<T>() : nullptr;
    with_constants(kind, derivatives, [&](auto kind_constant, auto derivatives_constant) {
      activate_rows<kind_constant, derivatives_constant>(from, add, value, slope, curvature,
                                                         input.size(0), channels);
    });
  });
  return result;
}

void multiply_rows_(torch::Tensor& g, const torch::Tensor& slope) {
  if (!own_loops(g)) {
    const torch::NoGradGuard no_grad;
    g.mul_(slope.narrow(0, 0, g.size(0)));
    return;
  }
  dispatch_element(g.scalar_type(), [&](auto element) {
    using T = decltype(element);
    multiply(g.data_ptr<T>(), slope.data_ptr<T>(), g.numel());
  });
}

Pushed push_forward(const torch::Tensor& tangent, const torch::Tensor& slope,
                    const torch::Tensor& curvature) {
  if (!own_loops(slope)) return {slope * tangent, curvature * tangent};
  Pushed result{torch::empty_like(slope), torch::empty_like(slope)};
  dispatch_element(slope.scalar_type(), [&](auto element) {
    using T = decltype(element);
    push_forward(tangent.data_ptr<T>(), slope.data_ptr<T>(), curvature.data_ptr<T>(),
                 result.tangent.data_ptr<T>(), result.bend.data_ptr<T>(), slope.numel());
  });
  return result;
}

torch::Tensor pull_back_pair_(torch::Tensor& g, const torch::Tensor& slope,
                              const torch::Tensor& bend) {
  const int64_t channels = slope.size(1);
  if (!own_loops(g)) {
    const torch::NoGradGuard no_grad;
    const auto wide = wide_dtype(g);
    auto t = g.narrow(0, 0, slope.size(0)), u = g.narrow(0, slope.size(0), slope.size(0));
    const auto pulled = slope.to(wide) * u + bend.to(wide) * t;
    t.mul_(slope);
    u.copy_(pulled);
    return pulled.sum(0);
  }
  torch::Tensor sums;
  dispatch_element(g.scalar_type(), [&](auto element) {
    using T = decltype(element);
    using Wide = typename Element<T>::Wide;
    sums = torch::zeros({channels}, g.options().dtype(c10::CppTypeToScalarType<Wide>::value));
    T* t = g.data_ptr<T>();
    pull_back_pair(t, t + slope.numel(), slope.data_ptr<T>(), bend.data_ptr<T>(),
                   sums.data_ptr<Wide>(), slope.size(0), channels);
  });
  return sums;
}

}  // namespace pie

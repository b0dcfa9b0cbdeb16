#include "lib/numerics/activation.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <cstring>

#include "lib/base/cpu_clones.h"
#include "lib/base/error.h"
#include "lib/numerics/element.h"

namespace pie {
namespace {

inline double exponential(double x) { return std::exp(x); }

// e^x within 2 units in the last place, written so that loops over it vectorise. Saturates where
// float32 does.
inline float exponential(float x) {
  constexpr float kLog2E = 1.44269504F, kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number
  x = std::min(std::max(x, -87.0F), 88.0F);
  const float shifted = x * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  const float p =
      1 +
      r * (1 + r * (0.5F + r * (0.166666657F +
                                r * (4.16666380e-2F + r * (8.33345205e-3F + r * 1.39353084e-3F)))));
  int32_t bits;
  std::memcpy(&bits, &p, sizeof bits);
  bits += static_cast<int32_t>(n) << 23;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

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
    value = x > 0 ? x : T(0);
    slope = x > 0 ? T(1) : T(0);
    curvature = T(0);
  }
}

template <Activation kKind, typename T>
PIE_CPU_CLONES void at_points(const T* x, T* value, T* slope, T* curvature, int64_t n) {
  using Wide = typename Element<T>::Wide;
  for (int64_t i = 0; i < n; ++i) {
    Wide f, d, c;
    at_point<kKind, Wide>(Element<T>::load(x[i]), f, d, c);
    Element<T>::store(value[i], f);
    if (slope != nullptr) Element<T>::store(slope[i], d);
    if (curvature != nullptr) Element<T>::store(curvature[i], c);
  }
}

template <typename T>
void at_points(Activation kind, const T* x, T* value, T* slope, T* curvature, int64_t n) {
  switch (kind) {
    case Activation::kElu:
      return at_points<Activation::kElu>(x, value, slope, curvature, n);
    case Activation::kSoftplus:
      return at_points<Activation::kSoftplus>(x, value, slope, curvature, n);
    case Activation::kLipSwish:
      return at_points<Activation::kLipSwish>(x, value, slope, curvature, n);
    case Activation::kRelu:
      return at_points<Activation::kRelu>(x, value, slope, curvature, n);
  }
}

}  // namespace

Activation parse_activation(const std::string& name) {
  if (name == "elu") return Activation::kElu;
  if (name == "softplus") return Activation::kSoftplus;
  if (name == "lipswish") return Activation::kLipSwish;
  if (name == "relu") return Activation::kRelu;
  throw UsageError("an activation is elu, softplus, lipswish or relu, not '" + name + "'");
}

Activated activate(const torch::Tensor& x, Activation kind, int derivatives) {
  const auto input = x.contiguous();
  Activated result{torch::empty_like(input), {}, {}};
  if (derivatives > 0) result.slope = torch::empty_like(input);
  if (derivatives > 1) result.curvature = torch::empty_like(input);
  dispatch_element(input.scalar_type(), [&](auto element) {
    using T = decltype(element);
    const T* from = input.data_ptr<T>();
    T* value = result.value.data_ptr<T>();
    T* slope = derivatives > 0 ? result.slope.data_ptr<T>() : nullptr;
    T* curvature = derivatives > 1 ? result.curvature.data_ptr<T>() : nullptr;
    at::parallel_for(0, input.numel(), 32768, [&](int64_t begin, int64_t end) {
      at_points(kind, from + begin, value + begin, slope == nullptr ? slope : slope + begin,
                curvature == nullptr ? curvature : curvature + begin, end - begin);
    });
  });
  return result;
}

}  // namespace pie

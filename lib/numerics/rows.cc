#include "lib/numerics/rows.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "lib/base/cpu_clones.h"

namespace pie {
namespace {

// Elements of one kind of number, read and written as `Wide` (float, or double for double). The
// bfloat16 conversions are written out because c10's test for NaN keeps loops from vectorising.
template <typename T>
struct Element {
  using Wide = T;
  static Wide load(const T& v) { return v; }
  static void store(T& to, Wide v) { to = v; }
};

template <>
struct Element<at::BFloat16> {
  using Wide = float;
  static Wide load(const at::BFloat16& v) {
    const uint32_t bits = static_cast<uint32_t>(v.x) << 16;
    float out;
    std::memcpy(&out, &bits, sizeof out);
    return out;
  }
  // Round to nearest, ties to even. A NaN stays a NaN except for payloads that carry into the sign,
  // which no arithmetic produces.
  static void store(at::BFloat16& to, float v) {
    uint32_t bits;
    std::memcpy(&bits, &v, sizeof bits);
    bits += 0x7fffU + ((bits >> 16) & 1U);
    to.x = static_cast<uint16_t>(bits >> 16);
  }
};

template <typename From, typename To>
inline void copy_row(const From* from, To* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) Element<To>::store(to[i], Element<From>::load(from[i]));
}

// Calls body(sample) in parallel; the partition does not change any result.
template <typename Body>
void for_each_sample(int64_t n, int64_t work_per_sample, const Body& body) {
  const int64_t grain = std::max<int64_t>(1, 32768 / std::max<int64_t>(1, work_per_sample));
  at::parallel_for(0, n, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

// `spread` for one sample. x: [H*W, C]; out: [H*W, kernel*kernel*C].
template <typename From, typename To>
PIE_CPU_CLONES void spread_sample(const From* x, To* out, RowGrid g, int64_t channels,
                                  int64_t kernel, int sign) {
  const int64_t radius = kernel / 2;
  To* row = out;
  for (int64_t py = 0; py < g.height; ++py) {
    for (int64_t px = 0; px < g.width; ++px) {
      for (int64_t ky = 0; ky < kernel; ++ky) {
        const int64_t qy = py + sign * (ky - radius);
        const bool inside = qy >= 0 && qy < g.height && px >= radius && px + radius < g.width;
        if (inside && sign > 0) {
          // The taps of one kernel row are neighbours in memory.
          copy_row(x + (qy * g.width + px - radius) * channels, row, kernel * channels);
          row += kernel * channels;
          continue;
        }
        for (int64_t kx = 0; kx < kernel; ++kx, row += channels) {
          const int64_t qx = px + sign * (kx - radius);
          if (qy < 0 || qy >= g.height || qx < 0 || qx >= g.width) {
            std::fill(row, row + channels, To(0));
          } else {
            copy_row(x + (qy * g.width + qx) * channels, row, channels);
          }
        }
      }
    }
  }
}

// `collect` for one sample. y: [H*W, kernel*kernel*C]; out: [H*W, C].
template <typename From, typename To = typename Element<From>::Wide>
PIE_CPU_CLONES void collect_sample(const From* y, To* out, RowGrid g, int64_t channels,
                                   int64_t kernel, int sign) {
  const int64_t radius = kernel / 2;
  const int64_t taps = kernel * kernel;
  To* sum = out;
  for (int64_t py = 0; py < g.height; ++py) {
    for (int64_t px = 0; px < g.width; ++px, sum += channels) {
      std::fill(sum, sum + channels, To(0));
      for (int64_t t = 0; t < taps; ++t) {
        const int64_t qy = py + sign * (t / kernel - radius);
        const int64_t qx = px + sign * (t % kernel - radius);
        if (qy < 0 || qy >= g.height || qx < 0 || qx >= g.width) continue;
        const From* from = y + ((qy * g.width + qx) * taps + t) * channels;
        for (int64_t c = 0; c < channels; ++c) sum[c] += Element<From>::load(from[c]);
      }
    }
  }
}

template <typename T, typename Wide = typename Element<T>::Wide>
PIE_CPU_CLONES void add_bias_relu_rows(T* y, const Wide* bias, int64_t rows, int64_t channels) {
  for (int64_t r = 0; r < rows; ++r, y += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      // Written so that a NaN passes: it must reach the check that names it.
      const Wide v = Element<T>::load(y[c]) + bias[c];
      Element<T>::store(y[c], v < 0 ? Wide(0) : v);
    }
  }
}

template <typename T, typename Wide = typename Element<T>::Wide>
PIE_CPU_CLONES void relu_backward_rows(T* g, const T* y, Wide* sum, int64_t rows,
                                       int64_t channels) {
  for (int64_t r = 0; r < rows; ++r, g += channels, y += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const Wide v = Element<T>::load(y[c]) > 0 ? Element<T>::load(g[c]) : Wide(0);
      Element<T>::store(g[c], v);
      sum[c] += v;
    }
  }
}

// Fixed shares of the rows for column sums, so that a sum does not depend on the thread count.
constexpr int64_t kShares = 16;

// Calls fn with a value of the C++ type of `dtype` (float, double or at::BFloat16).
template <typename Fn>
void dispatch(torch::ScalarType dtype, const Fn& fn) {
  switch (dtype) {
    case torch::kFloat32: return fn(float{});
    case torch::kFloat64: return fn(double{});
    case torch::kBFloat16: return fn(at::BFloat16{});
    default: TORCH_CHECK(false, "row matrices are float32, float64 or bfloat16, not ", dtype);
  }
}

// The dtype in which elements of `t` are summed.
torch::ScalarType wide_dtype(const torch::Tensor& t) {
  return t.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

}  // namespace

torch::Tensor to_rows(const torch::Tensor& x) {
  return x.permute({0, 2, 3, 1}).reshape({-1, x.size(1)}).contiguous();
}

torch::Tensor from_rows(const torch::Tensor& rows, const RowGrid& grid) {
  return rows.view({grid.n, grid.height, grid.width, rows.size(1)}).permute({0, 3, 1, 2});
}

torch::Tensor spread(const torch::Tensor& x, const RowGrid& grid, int64_t kernel, int sign,
                     torch::ScalarType dtype) {
  if (kernel == 1) return x.to(dtype);
  auto out = torch::empty({grid.rows(), kernel * kernel * x.size(1)}, x.options().dtype(dtype));
  dispatch(dtype, [&](auto to) {
    using To = decltype(to);
    using From = typename Element<To>::Wide;
    const From* from = x.data_ptr<From>();
    To* into = out.data_ptr<To>();
    const int64_t area = grid.height * grid.width, channels = x.size(1), width = out.size(1);
    for_each_sample(grid.n, area * width, [&](int64_t n) {
      spread_sample(from + n * area * channels, into + n * area * width, grid, channels, kernel,
                    sign);
    });
  });
  return out;
}

torch::Tensor collect(const torch::Tensor& y, const RowGrid& grid, int64_t kernel, int sign) {
  const auto dtype = wide_dtype(y);
  if (kernel == 1) return y.to(dtype);
  const int64_t channels = y.size(1) / (kernel * kernel);
  auto out = torch::empty({grid.rows(), channels}, y.options().dtype(dtype));
  dispatch(y.scalar_type(), [&](auto from) {
    using From = decltype(from);
    using To = typename Element<From>::Wide;
    const From* data = y.data_ptr<From>();
    To* into = out.data_ptr<To>();
    const int64_t area = grid.height * grid.width, width = y.size(1);
    for_each_sample(grid.n, area * width, [&](int64_t n) {
      collect_sample(data + n * area * width, into + n * area * channels, grid, channels, kernel,
                     sign);
    });
  });
  return out;
}

void add_bias_relu_(torch::Tensor& y, const torch::Tensor& bias) {
  const int64_t channels = y.size(1);
  dispatch(y.scalar_type(), [&](auto element) {
    using T = decltype(element);
    using Wide = typename Element<T>::Wide;
    const auto b = bias.to(c10::CppTypeToScalarType<Wide>::value).contiguous();
    const Wide* bias_row = b.template data_ptr<Wide>();
    T* data = y.data_ptr<T>();
    at::parallel_for(0, y.size(0), std::max<int64_t>(1, 32768 / channels),
                     [&](int64_t begin, int64_t end) {
                       add_bias_relu_rows(data + begin * channels, bias_row, end - begin, channels);
                     });
  });
}

torch::Tensor relu_backward_(torch::Tensor& g, const torch::Tensor& y) {
  auto sums = torch::zeros({kShares, g.size(1)}, g.options().dtype(wide_dtype(g)));
  dispatch(g.scalar_type(), [&](auto element) {
    using T = decltype(element);
    using Wide = typename Element<T>::Wide;
    const int64_t rows = g.size(0), channels = g.size(1);
    T* gradient = g.data_ptr<T>();
    const T* output = y.data_ptr<T>();
    Wide* share_sums = sums.data_ptr<Wide>();
    at::parallel_for(0, kShares, 1, [&](int64_t begin, int64_t end) {
      for (int64_t share = begin; share < end; ++share) {
        const int64_t first = rows * share / kShares, last = rows * (share + 1) / kShares;
        relu_backward_rows(gradient + first * channels, output + first * channels,
                           share_sums + share * channels, last - first, channels);
      }
    });
  });
  return sums.sum(0);
}

}  // namespace pie

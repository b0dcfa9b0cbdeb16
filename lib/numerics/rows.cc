#include "lib/numerics/rows.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "lib/base/cpu_clones.h"
#include "lib/numerics/channel_constant.h"
#include "lib/numerics/element.h"
#include "lib/numerics/own_loops.h"
#include "lib/numerics/row_images.h"

namespace pie {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Calls body(begin, end) for parts of [0, n) in parallel; the partition does not change any result.
template <typename Body>
void for_each_range(int64_t n, int64_t work_of_each, const Body& body) {
  at::parallel_for(0, n, std::max<int64_t>(1, 32768 / std::max<int64_t>(1, work_of_each)), body);
}

// y = x * scale + shift for some rows.
template <int kChannels, typename T>
PIE_CPU_CLONES void scale_shift_rows(const T* x, const T* scale, const T* shift, T* y, int64_t rows,
                                     int64_t any_channels) {
  const int64_t channels = kChannels > 0 ? kChannels : any_channels;
  for (int64_t i = 0; i < rows; ++i, x += channels, y += channels) {
    for (int64_t c = 0; c < channels; ++c) y[c] = x[c] * scale[c] + shift[c];
  }
}

// Column sums of g * x and of g for some rows.
template <int kChannels, typename T>
PIE_CPU_CLONES void scale_shift_sums(const T* g, const T* x, T* products, T* sums, int64_t rows,
                                     int64_t any_channels) {
  const int64_t channels = kChannels > 0 ? kChannels : any_channels;
  for (int64_t i = 0; i < rows; ++i, g += channels, x += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      products[c] += g[c] * x[c];
      sums[c] += g[c];
    }
  }
}

// Copies `channels` columns between matrices with rows of different lengths.
template <int kChannels, typename T>
PIE_CPU_CLONES void copy_columns(const T* from, int64_t from_stride, T* to, int64_t to_stride,
                                 int64_t rows, int64_t any_channels) {
  const int64_t channels = kChannels > 0 ? kChannels : any_channels;
  for (int64_t i = 0; i < rows; ++i, from += from_stride, to += to_stride) {
    for (int64_t c = 0; c < channels; ++c) to[c] = from[c];
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

template <typename Body>
void for_each_share(int64_t rows, const Body& body) {
  at::parallel_for(0, kShares, rows >= 1024 ? 1 : kShares, [&](int64_t begin, int64_t end) {
    for (int64_t share = begin; share < end; ++share) {
      body(share, rows * share / kShares, rows * (share + 1) / kShares);
    }
  });
}

// Copies columns between contiguous matrices: to[:, to_begin + c] = from[:, from_begin + c].
void copy_columns(const torch::Tensor& from, int64_t from_begin, torch::Tensor& to,
                  int64_t to_begin, int64_t columns) {
  const int64_t from_stride = from.size(1), to_stride = to.size(1);
  dispatch_element(from.scalar_type(), [&](auto element) {
    using T = decltype(element);
    const T* source = from.data_ptr<T>() + from_begin;
    T* target = to.data_ptr<T>() + to_begin;
    with_channels(columns, [&](auto constant) {
      at::parallel_for(
          0, from.size(0), std::max<int64_t>(1, 32768 / columns), [&](int64_t begin, int64_t end) {
            copy_columns<constant>(source + begin * from_stride, from_stride,
                                   target + begin * to_stride, to_stride, end - begin, columns);
          });
    });
  });
}

class SplitColumns : public torch::autograd::Function<SplitColumns> {
 public:
  static variable_list forward(AutogradContext*, const torch::Tensor& rows, int64_t first) {
    auto a = torch::empty({rows.size(0), first}, rows.options());
    auto b = torch::empty({rows.size(0), rows.size(1) - first}, rows.options());
    copy_columns(rows, 0, a, 0, first);
    copy_columns(rows, first, b, 0, b.size(1));
    return {a, b};
  }
  static variable_list backward(AutogradContext*, variable_list grads) {
    return {join_columns(grads[0], grads[1]), torch::Tensor()};
  }
};

class JoinColumns : public torch::autograd::Function<JoinColumns> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& a,
                               const torch::Tensor& b) {
    ctx->saved_data["first"] = a.size(1);
    auto rows = torch::empty({a.size(0), a.size(1) + b.size(1)}, a.options());
    copy_columns(a.contiguous(), 0, rows, 0, a.size(1));
    copy_columns(b.contiguous(), 0, rows, a.size(1), b.size(1));
    return rows;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto [a, b] = split_columns(grads[0].contiguous(), ctx->saved_data["first"].toInt());
    return {a, b};
  }
};

class ScaleShift : public torch::autograd::Function<ScaleShift> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x,
                               const torch::Tensor& scale, const torch::Tensor& shift) {
    ctx->save_for_backward({x, scale});
    return apply_rows(x, scale, shift);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto& x = saved[0];
    const auto g = grads[0].contiguous();
    const int64_t channels = x.size(1);
    auto sums = torch::zeros({2, kShares, channels}, x.options());
    dispatch_element(x.scalar_type(), [&](auto element) {
      using T = decltype(element);
      const T* gradient = g.data_ptr<T>();
      const T* input = x.data_ptr<T>();
      T* share_sums = sums.data_ptr<T>();
      with_channels(channels, [&](auto constant) {
        for_each_share(x.size(0), [&](int64_t share, int64_t first, int64_t last) {
          scale_shift_sums<constant>(
              gradient + first * channels, input + first * channels, share_sums + share * channels,
              share_sums + (kShares + share) * channels, last - first, channels);
        });
      });
    });
    const auto total = sums.sum(1);
    return {apply_rows(g, saved[1], torch::zeros_like(saved[1])), total[0], total[1]};
  }

 private:
  static torch::Tensor apply_rows(const torch::Tensor& x, const torch::Tensor& scale,
                                  const torch::Tensor& shift) {
    auto y = torch::empty_like(x);
    const int64_t channels = x.size(1);
    dispatch_element(x.scalar_type(), [&](auto element) {
      using T = decltype(element);
      const T *from = x.data_ptr<T>(), *s = scale.data_ptr<T>(), *t = shift.data_ptr<T>();
      T* to = y.data_ptr<T>();
      with_channels(channels, [&](auto constant) {
        at::parallel_for(0, x.size(0), std::max<int64_t>(1, 32768 / channels),
                         [&](int64_t begin, int64_t end) {
                           scale_shift_rows<constant>(from + begin * channels, s, t,
                                                      to + begin * channels, end - begin, channels);
                         });
      });
    });
    return y;
  }
};

// The images of rows with a border of zeros, [N, H + 2 radius, W + 2 radius, columns].
torch::Tensor bordered(const torch::Tensor& rows, const RowGrid& grid, int64_t radius) {
  return torch::constant_pad_nd(rows.view({grid.n, grid.height, grid.width, rows.size(1)}),
                                {0, 0, radius, radius, radius, radius});
}

// Calls use(tap, rows) with, of each pixel p, what `bordered` images have at p + sign *
// offset(tap).
template <typename Use>
void for_each_tap(const torch::Tensor& images, const RowGrid& grid, int64_t kernel, int sign,
                  const Use& use) {
  const int64_t radius = kernel / 2;
  for (int64_t tap = 0; tap < kernel * kernel; ++tap) {
    const int64_t y = sign * (tap / kernel - radius), x = sign * (tap % kernel - radius);
    use(tap, images.narrow(1, radius + y, grid.height).narrow(2, radius + x, grid.width));
  }
}

torch::Tensor plain_spread(const torch::Tensor& x, const RowGrid& grid, int64_t kernel, int sign,
                           torch::ScalarType dtype) {
  std::vector<torch::Tensor> taps;
  for_each_tap(bordered(x.to(dtype), grid, kernel / 2), grid, kernel, sign,
               [&](int64_t, const torch::Tensor& tap) { taps.push_back(tap); });
  return torch::cat(taps, 3).view({grid.rows(), -1});
}

torch::Tensor plain_collect(const torch::Tensor& y, const RowGrid& grid, int64_t kernel, int sign,
                            torch::ScalarType dtype) {
  const int64_t channels = y.size(1) / (kernel * kernel);
  auto sum = torch::zeros({grid.n, grid.height, grid.width, channels}, y.options().dtype(dtype));
  for_each_tap(bordered(y, grid, kernel / 2), grid, kernel, sign,
               [&](int64_t tap, const torch::Tensor& columns) {
                 sum.add_(columns.narrow(3, tap * channels, channels));
               });
  return sum.view({grid.rows(), channels});
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
  if (!own_loops(x)) return plain_spread(x, grid, kernel, sign, dtype);
  auto out = torch::empty({grid.rows(), kernel * kernel * x.size(1)}, x.options().dtype(dtype));
  dispatch_element(dtype, [&](auto to) {
    using To = decltype(to);
    using From = typename Element<To>::Wide;
    const From* from = x.data_ptr<From>();
    To* into = out.data_ptr<To>();
    const int64_t area = grid.height * grid.width, channels = x.size(1), width = out.size(1);
    for_each_range(grid.n, area * width, [&](int64_t begin, int64_t end) {
      std::vector<To> padded(static_cast<size_t>(padded_numbers(grid, channels, kernel)));
      for (int64_t n = begin; n < end; ++n) {
        spread_image(from + n * area * channels, padded.data(), into + n * area * width, grid,
                     channels, kernel, sign, width);
      }
    });
  });
  return out;
}

torch::Tensor collect(const torch::Tensor& y, const RowGrid& grid, int64_t kernel, int sign) {
  const auto dtype = wide_dtype(y);
  if (kernel == 1) return y.to(dtype);
  if (!own_loops(y)) return plain_collect(y, grid, kernel, sign, dtype);
  const int64_t channels = y.size(1) / (kernel * kernel);
  auto out = torch::empty({grid.rows(), channels}, y.options().dtype(dtype));
  dispatch_element(y.scalar_type(), [&](auto from) {
    using From = decltype(from);
    using To = typename Element<From>::Wide;
    const From* data = y.data_ptr<From>();
    To* into = out.data_ptr<To>();
    const int64_t area = grid.height * grid.width, width = y.size(1);
    for_each_range(grid.n, area * width, [&](int64_t begin, int64_t end) {
      std::vector<To> padded(static_cast<size_t>(padded_numbers(grid, channels, kernel)));
      for (int64_t n = begin; n < end; ++n) {
        std::fill(padded.begin(), padded.end(), To(0));
        collect_image(data + n * area * width, padded.data(), into + n * area * channels, grid,
                      channels, kernel, sign, width);
      }
    });
  });
  return out;
}

void add_bias_relu_(torch::Tensor& y, const torch::Tensor& bias) {
  if (!own_loops(y)) {
    const torch::NoGradGuard no_grad;
    y.copy_(torch::relu(y.to(wide_dtype(y)) + bias));
    return;
  }
  const int64_t channels = y.size(1);
  dispatch_element(y.scalar_type(), [&](auto element) {
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
  if (!own_loops(g)) {
    const torch::NoGradGuard no_grad;
    g.masked_fill_(~(y > 0), 0);
    return g.sum(0, false, wide_dtype(g));
  }
  auto sums = torch::zeros({kShares, g.size(1)}, g.options().dtype(wide_dtype(g)));
  dispatch_element(g.scalar_type(), [&](auto element) {
    using T = decltype(element);
    using Wide = typename Element<T>::Wide;
    const int64_t channels = g.size(1);
    T* gradient = g.data_ptr<T>();
    const T* output = y.data_ptr<T>();
    Wide* share_sums = sums.data_ptr<Wide>();
    for_each_share(g.size(0), [&](int64_t share, int64_t first, int64_t last) {
      relu_backward_rows(gradient + first * channels, output + first * channels,
                         share_sums + share * channels, last - first, channels);
    });
  });
  return sums.sum(0);
}

std::pair<torch::Tensor, torch::Tensor> split_columns(const torch::Tensor& rows, int64_t first) {
  if (!own_loops(rows)) {
    return {rows.narrow(1, 0, first).contiguous(),
            rows.narrow(1, first, rows.size(1) - first).contiguous()};
  }
  const auto parts = SplitColumns::apply(rows, first);
  return {parts[0], parts[1]};
}

torch::Tensor join_columns(const torch::Tensor& a, const torch::Tensor& b) {
  return own_loops(a) ? JoinColumns::apply(a, b) : torch::cat({a, b}, 1);
}

torch::Tensor scale_shift(const torch::Tensor& x, const torch::Tensor& scale,
                          const torch::Tensor& shift) {
  return own_loops(x) ? ScaleShift::apply(x, scale, shift) : torch::addcmul(shift, x, scale);
}

}  // namespace pie

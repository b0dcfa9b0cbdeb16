#include "lib/nets/integer_net.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <mutex>
#include <string>

#include "lib/base/cpu_clones.h"
#include "lib/base/error.h"
#include "lib/numerics/element.h"

namespace pie {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr OutputGrid kActivationGrid{kActivationBits, 0, kLargestActivation};
constexpr float kActivationUnit = 1.0F / (1 << kActivationBits);

// Integers n of the multiples n / 2^bits nearest to `values`.
torch::Tensor to_integers(const torch::Tensor& values, int bits) {
  return (values.detach() * static_cast<double>(1 << bits)).round();
}

torch::Tensor fixed_weight(const torch::Tensor& weight) {
  const auto largest = static_cast<double>(kLargestWeight);
  return to_integers(weight, kWeightBits).clamp_(-largest, largest).div_(1 << kWeightBits);
}

torch::Tensor fixed_bias(const torch::Tensor& bias) {
  return to_integers(bias, kSumBits).div_(1 << kSumBits);
}

// What every row of outputs goes through, as vectors over the columns.
struct Columns {
  const float *bias, *gain, *low, *high;
  float unit;  // of the outputs
};

// v, or the nearest bfloat16.
template <bool kRound>
inline float rounded(float v) {
  if constexpr (!kRound) return v;
  at::BFloat16 half;
  Element<at::BFloat16>::store(half, v);
  return Element<at::BFloat16>::load(half);
}

// y = clamp(round(gain * (Q(sums) + bias + skip)), low, high) * unit.
template <bool kRound, typename T>
PIE_CPU_CLONES void quantize_rows(const T* sums, const float* skip, const Columns& c,
                                  float* __restrict__ y, int64_t rows, int64_t columns) {
  // Adding and subtracting 1.5 * 2^23 rounds anything below 2^22 to the nearest integer, half to
  // even; what is larger is clamped anyway.
  constexpr float kRounder = 12582912.0F, kLarge = 2097152.0F;
  for (int64_t r = 0; r < rows; ++r, sums += columns, y += columns) {
    for (int64_t k = 0; k < columns; ++k) {
      float v = rounded<kRound>(Element<T>::load(sums[k])) + c.bias[k];
      if (skip != nullptr) v += skip[r * columns + k];
      v = std::min(std::max(v * c.gain[k], -kLarge), kLarge);
      v = (v + kRounder) - kRounder;
      y[k] = std::min(std::max(v, c.low[k]), c.high[k]) * c.unit;
    }
  }
}

// The gradient with respect to the sums. Where an activation is clamped none passes; where an index
// is, what would move it back does.
template <typename T>
PIE_CPU_CLONES void quantize_backward_rows(const float* g, const float* y, const Columns& c,
                                           bool indices, T* __restrict__ out,
                                           float* __restrict__ bias, int64_t rows,
                                           int64_t columns) {
  for (int64_t r = 0; r < rows; ++r, g += columns, y += columns, out += columns) {
    for (int64_t k = 0; k < columns; ++k) {
      const float low = c.low[k] * c.unit, high = c.high[k] * c.unit;
      float v = g[k] * c.gain[k] * c.unit;
      // Written without short circuits, which keep loops from vectorising.
      const float low_stops = indices ? std::max(v, 0.0F) : v;
      v -= y[k] <= low ? low_stops : 0.0F;
      const float high_stops = indices ? std::min(v, 0.0F) : v;
      v -= y[k] >= high ? high_stops : 0.0F;
      Element<T>::store(out[k], v);
      bias[k] += v;
    }
  }
}

// `grid`: gain, low and high of each column.
Columns columns_of(const torch::Tensor& bias, const torch::Tensor& grid, bool indices) {
  const auto row = [&](int64_t i) { return grid.data_ptr<float>() + i * grid.size(1); };
  return {bias.data_ptr<float>(), row(0), row(1), row(2), indices ? 1.0F : kActivationUnit};
}

class IntegerLayerFunction : public torch::autograd::Function<IntegerLayerFunction> {
 public:
  static Variable forward(AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& weight,
                          const torch::Tensor& bias, const c10::optional<torch::Tensor>& skip,
                          const torch::Tensor& output_grid, RowGrid grid, int64_t kernel,
                          bool indices, bool bfloat16) {
    const auto dtype = bfloat16 ? torch::kBFloat16 : torch::kFloat32;
    const auto taps = spread(x, grid, kernel, +1, dtype);
    const auto w = fixed_weight(weight).to(dtype);
    const auto b = fixed_bias(bias);
    const auto sums = at::mm(taps, w);
    auto y = torch::empty(sums.sizes(), torch::kFloat32);
    const auto columns = columns_of(b, output_grid, indices);
    const float* skip_data = skip ? skip->data_ptr<float>() : nullptr;
    dispatch_element(dtype, [&](auto element) {
      using T = decltype(element);
      if constexpr (!std::is_same_v<T, double>) {
        const auto rows = indices ? quantize_rows<false, T> : quantize_rows<true, T>;
        rows(sums.data_ptr<T>(), skip_data, columns, y.data_ptr<float>(), y.size(0), y.size(1));
      }
    });
    ctx->save_for_backward({taps, w, y, output_grid});
    ctx->saved_data["n"] = grid.n;
    ctx->saved_data["height"] = grid.height;
    ctx->saved_data["width"] = grid.width;
    ctx->saved_data["kernel"] = kernel;
    ctx->saved_data["indices"] = indices;
    ctx->saved_data["skip"] = skip.has_value();
    ctx->saved_data["input_gradient"] = x.requires_grad();
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const RowGrid grid{ctx->saved_data["n"].toInt(), ctx->saved_data["height"].toInt(),
                       ctx->saved_data["width"].toInt()};
    const int64_t kernel = ctx->saved_data["kernel"].toInt();
    const bool indices = ctx->saved_data["indices"].toBool();
    const auto saved = ctx->get_saved_variables();
    const auto &taps = saved[0], &w = saved[1], &y = saved[2];
    const auto g = grads[0].contiguous();
    const auto bias_gradient = torch::zeros({y.size(1)});
    const auto sums_gradient = torch::empty(y.sizes(), taps.options());
    const auto columns = columns_of(bias_gradient, saved[3], indices);
    dispatch_element(taps.scalar_type(), [&](auto element) {
      using T = decltype(element);
      if constexpr (!std::is_same_v<T, double>) {
        quantize_backward_rows(g.data_ptr<float>(), y.data_ptr<float>(), columns, indices,
                               sums_gradient.data_ptr<T>(), bias_gradient.data_ptr<float>(),
                               y.size(0), y.size(1));
      }
    });
    variable_list result(9);
    if (ctx->saved_data["input_gradient"].toBool()) {
      result[0] = collect(at::mm(sums_gradient, w.t()), grid, kernel, -1);
    }
    result[1] = at::mm(taps.t(), sums_gradient).to(torch::kFloat32);
    result[2] = bias_gradient;
    if (ctx->saved_data["skip"].toBool()) result[3] = sums_gradient.to(torch::kFloat32);
    return result;
  }
};

// round(value / 2^shift), half to even.
int64_t rounded_shift(int64_t value, int shift) {
  const int64_t unit = int64_t{1} << shift;
  int64_t quotient = value >> shift;  // rounds down
  const int64_t rest = value - quotient * unit;
  if (2 * rest > unit || (2 * rest == unit && quotient % 2 != 0)) ++quotient;
  return quotient;
}

// `value` with 8 significant bits, half to even.
int64_t rounded_to_bfloat16(int64_t value) {
  int shift = 0;
  while ((std::abs(value) >> shift) >= 256) ++shift;
  return rounded_shift(value, shift) * (int64_t{1} << shift);
}

// Whether this machine's products of bfloat16 matrices [m, k] and [k, n] of fixed-point numbers are
// the exact ones, rounded once.
bool products_are_exact(int64_t m, int64_t k, int64_t n) {
  const torch::NoGradGuard no_grad;
  const auto random = at::make_generator<at::CPUGeneratorImpl>(1);
  const auto a = torch::randint(0, kLargestActivation + 1, {m, k}, random);
  auto b = torch::randint(-kLargestWeight, kLargestWeight + 1, {k, n}, random);
  // Keeps every sum below the bound.
  const auto share =
      static_cast<double>(kSumBound) / static_cast<double>(kLargestActivation * kLargestWeight * k);
  if (share < 1) b.mul_(torch::rand({k, n}, random) < share / 2);
  try {
    const auto fast = at::mm(a.to(torch::kBFloat16), b.to(torch::kBFloat16));
    const auto exact = at::mm(a.to(torch::kFloat64), b.to(torch::kFloat64));
    return torch::equal(fast, exact.to(torch::kFloat32).to(torch::kBFloat16));
  } catch (const std::exception&) {  // oneDNN throws its own
    return false;
  }
}

}  // namespace

IntegerLayer::IntegerLayer(int64_t in, int64_t out, int64_t kernel, bool skip,
                           std::vector<OutputGrid> grids)
    : kernel_(kernel), skip_(skip), grids_(std::move(grids)) {
  const int64_t fan_in = kernel * kernel * in;
  const double bound = std::sqrt(6.0 / static_cast<double>(fan_in)) * (skip ? 0.5 : 1.0);
  weight = register_parameter("weight", torch::empty({fan_in, out}).uniform_(-bound, bound));
  bias = register_parameter("bias", torch::zeros({out}));
  output_grid_ = torch::empty({3, out});
  for (int64_t k = 0; k < out; ++k) {
    const auto grid = grids_.empty() ? kActivationGrid : grids_[static_cast<size_t>(k)];
    output_grid_[0][k] = std::ldexp(1.0, grid.gain_bits);
    output_grid_[1][k] = static_cast<double>(grid.low);
    output_grid_[2][k] = static_cast<double>(grid.high);
  }
}

torch::Tensor IntegerLayer::forward(const torch::Tensor& x, const RowGrid& grid,
                                    const torch::Tensor& skip, bool bfloat16) {
  const auto added = skip.defined() ? c10::make_optional(skip) : c10::nullopt;
  return IntegerLayerFunction::apply(x, weight, bias, added, output_grid_, grid, kernel_,
                                     !grids_.empty(), bfloat16);
}

torch::Tensor IntegerLayer::forward_reference(const torch::Tensor& x, const RowGrid& grid,
                                              const torch::Tensor& skip) const {
  const int64_t in = x.size(1), out = bias.size(0), radius = kernel_ / 2;
  const auto w = to_integers(weight, kWeightBits).to(torch::kInt64);
  const auto b = to_integers(bias, kSumBits).to(torch::kInt64);
  auto y = torch::empty({grid.rows(), out}, torch::kInt64);
  const int64_t *from = x.data_ptr<int64_t>(), *weights = w.data_ptr<int64_t>();
  int64_t* to = y.data_ptr<int64_t>();
  std::vector<int64_t> sums(static_cast<size_t>(out));
  for (int64_t row = 0; row < grid.rows(); ++row, to += out) {
    const int64_t py = row / grid.width % grid.height, px = row % grid.width;
    std::fill(sums.begin(), sums.end(), 0);
    for (int64_t tap = 0; tap < kernel_ * kernel_; ++tap) {
      const int64_t dy = tap / kernel_ - radius, dx = tap % kernel_ - radius;
      if (py + dy < 0 || py + dy >= grid.height || px + dx < 0 || px + dx >= grid.width) continue;
      const int64_t* a = from + (row + dy * grid.width + dx) * in;
      for (int64_t c = 0; c < in; ++c) {
        const int64_t* line = weights + (tap * in + c) * out;
        for (int64_t k = 0; k < out; ++k) sums[static_cast<size_t>(k)] += a[c] * line[k];
      }
    }
    for (int64_t k = 0; k < out; ++k) {
      int64_t sum = sums[static_cast<size_t>(k)];
      if (grids_.empty()) sum = rounded_to_bfloat16(sum);
      sum += b.data_ptr<int64_t>()[k];
      if (skip_) sum += skip.data_ptr<int64_t>()[row * out + k] << kWeightBits;
      const auto g = grids_.empty() ? kActivationGrid : grids_[static_cast<size_t>(k)];
      to[k] = std::clamp(rounded_shift(sum, kSumBits - g.gain_bits), g.low, g.high);
    }
  }
  return y;
}

bool IntegerLayer::bfloat16_is_exact(int64_t rows) const {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx512bf16") == 0) return false;
  static std::mutex mutex;
  static std::map<std::array<int64_t, 5>, bool> known;
  const int64_t threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  const std::lock_guard lock(mutex);
  const int64_t onednn = at::globalContext().userEnabledMkldnn() ? 1 : 0;
  const auto [found, added] =
      known.try_emplace({rows, weight.size(0), weight.size(1), threads, onednn}, false);
  if (added) found->second = products_are_exact(rows, weight.size(0), weight.size(1));
  return found->second;
#else
  return false;
#endif
}

bool IntegerLayer::freeze() {
  torch::NoGradGuard no_grad;
  auto w = fixed_weight(weight).mul_(1 << kWeightBits);
  const int64_t skip = skip_ ? kLargestActivation << kWeightBits : 0;
  // Half of the bound is always left for the weights.
  constexpr int64_t kHalf = kSumBound / 2;
  const auto most = static_cast<double>(kHalf - skip);
  const auto b = to_integers(bias, kSumBits).clamp_(-most, most);
  constexpr int64_t kRounding = kSumBound / 512;  // Q adds at most one part in 2^9 to a sum
  const auto room =
      (static_cast<double>(kSumBound - kRounding - 1 - skip) - b.abs().to(torch::kFloat64))
          .div_(static_cast<double>(kLargestActivation));
  const auto sums = w.abs().sum(0, false, torch::kFloat64);
  const auto shrink = (room / sums.clamp_min(1)).clamp_max(1);
  w = (w.to(torch::kFloat64) * shrink).trunc().to(torch::kFloat32);
  w.div_(1 << kWeightBits);
  b.div_(1 << kSumBits);
  const bool changed = !torch::equal(w, weight) || !torch::equal(b, bias);
  weight.copy_(w);
  bias.copy_(b);
  return changed;
}

void IntegerLayer::constrain() {
  torch::NoGradGuard no_grad;
  const double largest = static_cast<double>(kLargestWeight) / (1 << kWeightBits);
  weight.clamp_(-largest, largest);
}

std::shared_ptr<IntegerLayer> IntegerNet::add(const std::string& name,
                                              std::shared_ptr<IntegerLayer> layer) {
  all_.push_back(register_module(name, std::move(layer)));
  return all_.back();
}

IntegerNet::IntegerNet(const IntegerNetOptions& options) {
  const int64_t hidden = options.hidden, outputs = static_cast<int64_t>(options.out.size());
  const auto add_to_trunk = [&](int64_t in, int64_t kernel, bool skip) {
    const auto layer =
        std::make_shared<IntegerLayer>(in, hidden, kernel, skip, std::vector<OutputGrid>{});
    trunk_.push_back(add("layer" + std::to_string(trunk_.size()), layer));
  };
  add_to_trunk(options.in, 3, false);
  for (int64_t i = 0; i < options.blocks; ++i) {
    add_to_trunk(hidden, 3, false);
    add_to_trunk(hidden, 1, true);
  }
  for (int64_t c = 0; c < options.heads; ++c) {
    Head head;
    if (c > 0) {
      const int64_t in = hidden + 9 * c * options.features;
      head.joint =
          add("joint" + std::to_string(c),
              std::make_shared<IntegerLayer>(in, hidden, 1, true, std::vector<OutputGrid>{}));
    }
    head.last = add("last" + std::to_string(c),
                    std::make_shared<IntegerLayer>(hidden, outputs, 1, false, options.out));
    heads_.push_back(head);
  }
}

torch::Tensor IntegerNet::apply(IntegerLayer& layer, const torch::Tensor& x, const RowGrid& grid,
                                const torch::Tensor& skip, Arithmetic arithmetic) const {
  if (torch::GradMode::is_enabled()) return layer.forward(x, grid, skip, bfloat16_);
  if (arithmetic == Arithmetic::kInt64) {
    const auto integers = [](const torch::Tensor& activations) {
      return (activations * (1 << kActivationBits)).to(torch::kInt64);
    };
    const auto added = skip.defined() ? integers(skip) : skip;
    return layer.forward_reference(integers(x), grid, added).to(torch::kFloat32) * kActivationUnit;
  }
  const bool bfloat16 = arithmetic == Arithmetic::kBFloat16 ||
                        (arithmetic == Arithmetic::kFastest && layer.bfloat16_is_exact(x.size(0)));
  return layer.forward(x, grid, skip, bfloat16);
}

torch::Tensor IntegerNet::trunk(const torch::Tensor& rows, const RowGrid& grid,
                                Arithmetic arithmetic) {
  auto h = apply(*trunk_[0], rows, grid, {}, arithmetic);
  for (size_t i = 1; i < trunk_.size(); i += 2) {
    const auto inner = apply(*trunk_[i], h, grid, {}, arithmetic);
    h = apply(*trunk_[i + 1], inner, grid, h, arithmetic);
  }
  return h;
}

torch::Tensor IntegerNet::head(int64_t head, const torch::Tensor& trunk,
                               const torch::Tensor& before, const RowGrid& grid,
                               Arithmetic arithmetic) {
  const auto& [joint, last] = heads_[static_cast<size_t>(head)];
  auto h = trunk;
  if (head > 0) {
    const auto around = spread(before, grid, 3, +1, torch::kFloat32);
    h = apply(*joint, torch::cat({h, around}, 1), grid, h, arithmetic);
  }
  if (arithmetic == Arithmetic::kInt64 && !torch::GradMode::is_enabled()) {
    return last->forward_reference((h * (1 << kActivationBits)).to(torch::kInt64), grid, {})
        .to(torch::kFloat32);
  }
  // Indices keep float32: what is read off them is finer than bfloat16.
  return last->forward(h, grid, {}, false);
}

bool IntegerNet::freeze() {
  bool changed = false;
  for (const auto& layer : all_) changed = layer->freeze() || changed;
  return changed;
}

void IntegerNet::constrain() {
  for (const auto& layer : all_) layer->constrain();
}

}  // namespace pie

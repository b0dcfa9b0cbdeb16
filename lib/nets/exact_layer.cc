#include "lib/nets/exact_layer.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "lib/base/cpu_clones.h"
#include "lib/base/vectors.h"
#include "lib/numerics/convolution.h"
#include "lib/numerics/own_loops.h"

namespace pie {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr auto kRows = torch::MemoryFormat::ChannelsLast;

// Integers n of the multiples n / 2^bits nearest to `values`.
torch::Tensor to_integers(const torch::Tensor& values, int bits) {
  return (values.detach() * static_cast<double>(1 << bits)).round();
}

torch::Tensor fixed_weight(const torch::Tensor& weight) {
  const auto largest = static_cast<double>(kExactLargest);
  return to_integers(weight, kExactWeightBits)
      .clamp_(-largest, largest)
      .div_(1 << kExactWeightBits);
}

torch::Tensor fixed_bias(const torch::Tensor& bias, int bits) {
  return to_integers(bias, bits).div_(1 << bits);
}

constexpr float kLarge = 2097152.0F;  // 2^21: beyond it, outputs are clamped anyway

// What every row of outputs goes through, as vectors over the columns.
struct Columns {
  const float *bias, *gain, *low, *high;
  float half;  // a unit of the sums
  float unit;  // of the outputs
};

// Calls work(column, width) for the columns of a row, kVectorWidth of them at a time, then singly.
template <typename Wide, typename Single>
PIE_INLINE void for_each_column(int64_t columns, const Wide& wide, const Single& single) {
  int64_t k = 0;
  for (; k + kVectorWidth <= columns; k += kVectorWidth) wide(k);
  for (; k < columns; ++k) single(k);
}

// v <- clamp(floor(gain * (v + bias + skip) + 1/2), low, high) * unit.
PIE_CPU_CLONES void quantize_rows(float* v, const float* skip, const Columns& c, int64_t rows,
                                  int64_t columns) {
  // Adding and subtracting 1.5 * 2^23 rounds anything below 2^22 to the nearest integer, half to
  // even; what is larger is clamped anyway. Half a unit of the sums makes that half up.
  constexpr float kRounder = 12582912.0F;
  const auto quantize = [&](auto& sum, const auto& bias, const auto& gain, const auto& low,
                            const auto& high) __attribute__((always_inline)) {
    sum = (sum + bias + c.half) * gain;
    sum = sum < -kLarge ? 0 * sum - kLarge : sum;  // NaN stays NaN
    sum = sum > kLarge ? 0 * sum + kLarge : sum;
    sum = (sum + kRounder) - kRounder;
    sum = sum < low ? low : sum;
    sum = (sum > high ? high : sum) * c.unit;
  };
  for (int64_t r = 0; r < rows; ++r, v += columns) {
    const float* added = skip == nullptr ? nullptr : skip + r * columns;
    for_each_column(
        columns,
        [&](int64_t k) __attribute__((always_inline)) {
          Floats sum, bias, gain, low, high, more{};
          load(v + k, sum);
          load(c.bias + k, bias);
          load(c.gain + k, gain);
          load(c.low + k, low);
          load(c.high + k, high);
          if (added != nullptr) load(added + k, more);
          sum += more;
          quantize(sum, bias, gain, low, high);
          store(sum, v + k);
        },
        [&](int64_t k) __attribute__((always_inline)) {
          float sum = v[k] + (added == nullptr ? 0 : added[k]);
          quantize(sum, c.bias[k], c.gain[k], c.low[k], c.high[k]);
          v[k] = sum;
        });
  }
}

// The gradient with respect to the sums, and its column sums. Where an activation is clamped none
// passes; where an index is (`back`: 1), what would move it back does.
PIE_CPU_CLONES void quantize_backward_rows(const float* g, const float* y, const Columns& c,
                                           float back, float* out, float* bias, int64_t rows,
                                           int64_t columns) {
  const auto gradient = [&](auto& v, const auto& of, const auto& gain, const auto& low,
                            const auto& high) __attribute__((always_inline)) {
    v *= gain * c.unit;
    const auto down = (v < 0 ? v : 0 * v) * back, up = (v > 0 ? v : 0 * v) * back;
    v = of <= low * c.unit ? down : v;
    v = of >= high * c.unit ? up : v;
  };
  for (int64_t r = 0; r < rows; ++r, g += columns, y += columns, out += columns) {
    for_each_column(
        columns,
        [&](int64_t k) __attribute__((always_inline)) {
          Floats v, of, gain, low, high, sum;
          load(g + k, v);
          load(y + k, of);
          load(c.gain + k, gain);
          load(c.low + k, low);
          load(c.high + k, high);
          load(bias + k, sum);
          gradient(v, of, gain, low, high);
          store(v, out + k);
          sum += v;
          store(sum, bias + k);
        },
        [&](int64_t k) __attribute__((always_inline)) {
          float v = g[k];
          gradient(v, y[k], c.gain[k], c.low[k], c.high[k]);
          out[k] = v;
          bias[k] += v;
        });
  }
}

int64_t rows_of(const torch::Tensor& x) { return x.size(0) * x.size(2) * x.size(3); }

// How outputs are rounded. `grid`: gain, low and high of each column, [3, columns].
struct Quantizer {
  torch::Tensor grid;
  bool indices;
  ExactBits bits;

  float unit() const { return indices ? 1.0F : std::ldexp(1.0F, -bits.out); }
  float half() const { return std::ldexp(0.5F, -bits.sums()); }
  Columns columns(const torch::Tensor& bias) const {
    const auto row = [&](int64_t i) { return grid.data_ptr<float>() + i * grid.size(1); };
    return {bias.data_ptr<float>(), row(0), row(1), row(2), half(), unit()};
  }
  torch::Tensor column(int64_t i) const { return grid[i].view({1, -1, 1, 1}); }
};

// y <- what quantize_rows says, where `skip` may be undefined. y: [N, C, H, W], of rows.
void quantize_(torch::Tensor& y, const torch::Tensor& skip, const torch::Tensor& bias,
               const Quantizer& how) {
  if (own_loops(y)) {
    return quantize_rows(y.data_ptr<float>(), skip.defined() ? skip.data_ptr<float>() : nullptr,
                         how.columns(bias), rows_of(y), y.size(1));
  }
  if (skip.defined()) y.add_(skip);
  y.add_(bias.view({1, -1, 1, 1})).add_(how.half()).mul_(how.column(0));
  y.masked_fill_(y.isinf(), NAN);  // which must reach the check that names it
  y.clamp_(-kLarge, kLarge).round_();
  y.copy_(torch::minimum(torch::maximum(y, how.column(1)), how.column(2)) * how.unit());
}

// What quantize_backward_rows says: with respect to the sums, and the bias.
std::pair<torch::Tensor, torch::Tensor> quantize_backward(const torch::Tensor& g,
                                                          const torch::Tensor& y,
                                                          const Quantizer& how) {
  const float back = how.indices ? 1 : 0;
  if (own_loops(g)) {
    auto sums = torch::empty_like(y), bias = torch::zeros({y.size(1)});
    quantize_backward_rows(g.data_ptr<float>(), y.data_ptr<float>(), how.columns(bias), back,
                           sums.data_ptr<float>(), bias.data_ptr<float>(), rows_of(y), y.size(1));
    return {sums, bias};
  }
  auto sums = g * (how.column(0) * how.unit());
  sums = torch::where(y <= how.column(1) * how.unit(), sums.clamp_max(0) * back, sums);
  sums = torch::where(y >= how.column(2) * how.unit(), sums.clamp_min(0) * back, sums);
  return {sums, sums.sum({0, 2, 3})};
}

ConvolutionShape shape_of(const torch::Tensor& x, const torch::Tensor& w) {
  return {x.size(0), x.size(2), x.size(3), w.size(1), w.size(0), w.size(2)};
}

// The convolution: on CPUs in float32 by our own loops, else by LibTorch's, which know the
// instructions for it.
torch::Tensor products(const torch::Tensor& x, const torch::Tensor& w, bool bfloat16) {
  if (bfloat16 || !own_loops(x)) {
    const auto dtype = bfloat16 ? torch::kBFloat16 : torch::kFloat32;
    return at::conv2d(x.to(dtype), w.to(dtype), {}, 1, w.size(2) / 2)
        .to(torch::kFloat32)
        .contiguous(kRows);
  }
  auto y =
      torch::empty({x.size(0), w.size(0), x.size(2), x.size(3)}, x.options().memory_format(kRows));
  convolve(shape_of(x, w), x.data_ptr<float>(), w.data_ptr<float>(), y.data_ptr<float>());
  return y;
}

// With respect to x, if asked for, and w, where g is that with respect to the products.
std::pair<torch::Tensor, torch::Tensor> product_gradients(const torch::Tensor& x,
                                                          const torch::Tensor& w,
                                                          const torch::Tensor& g, bool of_x,
                                                          bool bfloat16) {
  if (bfloat16 || !own_loops(x)) {
    const auto dtype = bfloat16 ? torch::kBFloat16 : torch::kFloat32;
    const int64_t pad = w.size(2) / 2;
    const auto [dx, dw, none] =
        at::convolution_backward(g.to(dtype), x.to(dtype), w.to(dtype), c10::nullopt, {1, 1},
                                 {pad, pad}, {1, 1}, false, {0, 0}, 1, {of_x, true, false});
    return {of_x ? dx.to(torch::kFloat32) : dx, dw.to(torch::kFloat32)};
  }
  const auto shape = shape_of(x, w);
  torch::Tensor dx;
  if (of_x) {
    dx = torch::empty_like(x);
    convolve_backward(shape, g.data_ptr<float>(), w.data_ptr<float>(), dx.data_ptr<float>());
  }
  auto dw = torch::empty(w.sizes());
  convolution_weight_gradient(shape, x.data_ptr<float>(), g.data_ptr<float>(),
                              dw.data_ptr<float>());
  return {dx, dw};
}

class ExactLayerFunction : public torch::autograd::Function<ExactLayerFunction> {
 public:
  static Variable forward(AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& weight,
                          const torch::Tensor& bias, const c10::optional<torch::Tensor>& skip,
                          const torch::Tensor& grid, bool indices, int64_t in_bits,
                          int64_t out_bits, bool bfloat16) {
    const ExactBits bits{static_cast<int>(in_bits), static_cast<int>(out_bits)};
    const auto b = fixed_bias(bias, bits.sums());
    auto input = x.contiguous(kRows), w = fixed_weight(weight);
    auto y = products(input, w, bfloat16);
    quantize_(y, skip ? skip->contiguous(kRows) : torch::Tensor(), b, {grid, indices, bits});
    ctx->save_for_backward({input, w, y, grid});
    ctx->saved_data["indices"] = indices;
    ctx->saved_data["in_bits"] = in_bits;
    ctx->saved_data["out_bits"] = out_bits;
    ctx->saved_data["bfloat16"] = bfloat16;
    ctx->saved_data["skip"] = skip.has_value();
    ctx->saved_data["input_gradient"] = x.requires_grad();
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const bool indices = ctx->saved_data["indices"].toBool();
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &w = saved[1], &y = saved[2];
    const auto g = grads[0].contiguous(kRows);
    const ExactBits bits{static_cast<int>(ctx->saved_data["in_bits"].toInt()),
                         static_cast<int>(ctx->saved_data["out_bits"].toInt())};
    const auto [sums_gradient, bias_gradient] = quantize_backward(g, y, {saved[3], indices, bits});
    variable_list result(9);
    std::tie(result[0], result[1]) =
        product_gradients(x, w, sums_gradient, ctx->saved_data["input_gradient"].toBool(),
                          ctx->saved_data["bfloat16"].toBool());
    result[2] = bias_gradient;
    if (ctx->saved_data["skip"].toBool()) result[3] = sums_gradient;
    return result;
  }
};

}  // namespace

ExactLayer::ExactLayer(int64_t in, int64_t out, int64_t kernel, bool skip, ExactBits bits,
                       std::vector<ExactGrid> grids)
    : skip_(skip), indices_(!grids.empty()), bits_(bits) {
  const double bound =
      std::sqrt(6.0 / static_cast<double>(kernel * kernel * in)) * (skip ? 0.5 : 1.0);
  weight =
      register_parameter("weight", torch::empty({out, in, kernel, kernel}).uniform_(-bound, bound));
  bias = register_parameter("bias", torch::zeros({out}));
  if (grids.empty()) {
    grids.assign(static_cast<size_t>(out), {bits.out, 0, kExactLargest});
  }
  grids_ = std::move(grids);
  grid_ = torch::empty({3, out});
  for (int64_t k = 0; k < out; ++k) {
    const auto& grid = grids_[static_cast<size_t>(k)];
    grid_[0][k] = std::ldexp(1.0, grid.gain_bits);
    grid_[1][k] = static_cast<double>(grid.low);
    grid_[2][k] = static_cast<double>(grid.high);
  }
}

torch::Tensor ExactLayer::forward(const torch::Tensor& x, const torch::Tensor& skip,
                                  bool bfloat16) {
  const auto added = skip.defined() ? c10::make_optional(skip) : c10::nullopt;
  return ExactLayerFunction::apply(x, weight, bias, added, grid_.to(x.device()), indices_, bits_.in,
                                   bits_.out, bfloat16);
}

bool ExactLayer::freeze() {
  torch::NoGradGuard no_grad;
  auto w = fixed_weight(weight).mul_(1 << kExactWeightBits);
  const int64_t skip = skip_ ? kExactLargest << (bits_.sums() - bits_.out) : 0;
  // Half of the bound is always left for the weights.
  constexpr int64_t kHalf = kExactSumBound / 2;
  const auto most = static_cast<double>(kHalf - skip);
  const auto b = to_integers(bias, bits_.sums()).clamp_(-most, most);
  const auto room = (static_cast<double>(kExactSumBound - 1 - skip) - b.abs().to(torch::kFloat64))
                        .div_(static_cast<double>(kExactLargest));
  const auto sums = w.abs().sum({1, 2, 3}, false, torch::kFloat64);
  const auto shrink = (room / sums.clamp_min(1)).clamp_max(1).view({-1, 1, 1, 1});
  w = (w.to(torch::kFloat64) * shrink).trunc().to(torch::kFloat32).div_(1 << kExactWeightBits);
  b.div_(1 << bits_.sums());
  // One zero: -0 has other bytes, and a model's fingerprint is of its bytes.
  w.add_(0);
  b.add_(0);
  const bool changed = !torch::equal(w, weight) || !torch::equal(b, bias);
  weight.copy_(w);
  bias.copy_(b);
  return changed;
}

void ExactLayer::constrain() {
  torch::NoGradGuard no_grad;
  const double largest = static_cast<double>(kExactLargest) / (1 << kExactWeightBits);
  weight.clamp_(-largest, largest);
}

ExactConvolution ExactLayer::frozen() const {
  const auto integers = [](const torch::Tensor& values, int bits) {
    const auto tensor = to_integers(values, bits).to(torch::kCPU, torch::kInt32).contiguous();
    return std::vector<int32_t>(tensor.data_ptr<int32_t>(),
                                tensor.data_ptr<int32_t>() + tensor.numel());
  };
  const auto biases = integers(bias, bits_.sums());
  std::vector<ExactOutput> outputs;
  for (size_t k = 0; k < grids_.size(); ++k) {
    const auto& grid = grids_[k];
    outputs.push_back({biases[k], bits_.sums() - grid.gain_bits, static_cast<int32_t>(grid.low),
                       static_cast<int32_t>(grid.high)});
  }
  return {weight.size(1), weight.size(2), integers(weight, kExactWeightBits), outputs};
}

}  // namespace pie

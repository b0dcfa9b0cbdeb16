// Our convolutions are LibTorch's, as closely as float32 can add.
#include "lib/numerics/convolution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/tensors.h"

namespace pie {
namespace {

// A convolution's output and gradients.
struct Results {
  torch::Tensor y, dx, dw;
};

torch::Tensor rows_last(const torch::Tensor& x) { return x.permute({0, 2, 3, 1}); }

// By LibTorch in float64, of x [N, C, H, W], w and the output's gradient g, as rows.
Results by_autograd(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& g) {
  const auto a = x.detach().clone().requires_grad_(true),
             b = w.detach().clone().requires_grad_(true);
  const auto y = at::conv2d(a, b, {}, 1, w.size(2) / 2);
  y.backward(g);
  return {rows_last(y.detach()), rows_last(a.grad()), b.grad()};
}

const float* data(const torch::Tensor& t) { return t.data_ptr<float>(); }

// By ours. Results begin as something else, which must not shine through.
Results by_ours(const ConvolutionShape& shape, const torch::Tensor& x, const torch::Tensor& w,
                const torch::Tensor& g) {
  const auto rows = rows_last(x).to(torch::kFloat32).contiguous(),
             gradient = rows_last(g).to(torch::kFloat32).contiguous(),
             weight = w.to(torch::kFloat32).contiguous();
  Results result{torch::full_like(gradient, NAN), torch::full_like(rows, NAN),
                 torch::full_like(weight, NAN)};
  convolve(shape, data(rows), data(weight), result.y.data_ptr<float>());
  convolve_backward(shape, data(gradient), data(weight), result.dx.data_ptr<float>());
  convolution_weight_gradient(shape, data(rows), data(gradient), result.dw.data_ptr<float>());
  return result;
}

// A sum of `terms` products in float32, in any order, is off by at most `terms` units of rounding,
// 2^-24, of the sum of their absolute values (to first order; 1 % covers the rest).
void expect_sums(const torch::Tensor& actual, const torch::Tensor& expected,
                 const torch::Tensor& absolute, int64_t terms) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  const auto most = absolute * (1.01 * static_cast<double>(terms) * std::ldexp(1, -24));
  const auto off = (actual.to(torch::kFloat64) - expected).abs();
  EXPECT_TRUE((off <= most).all().item<bool>()) << (off - most).max().item<double>();
}

// Float32 numbers as float64.
torch::Tensor numbers(const std::vector<int64_t>& shape, uint64_t seed) {
  return normal_tensor(shape, seed, torch::kFloat32).to(torch::kFloat64);
}

// Calls check(shape, seed) for what the loops treat differently: chunks of 96 pixels, six at a
// time; outputs in sixteens; inputs of gradients in sixes and pairs.
template <typename Check>
void for_all_shapes(const Check& check) {
  uint64_t seed = 0;
  for (const int64_t kernel : {1, 3}) {
    for (const auto& [n, height, width] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{
             {1, 1, 1}, {2, 1, 1}, {2, 3, 5}, {1, 1, 97}, {2, 11, 13}, {1, 12, 8}}) {
      for (const int64_t in : {1, 3, 12, 17, 48}) {
        for (const int64_t out : {1, 12, 13, 16, 48}) {
          SCOPED_TRACE(std::to_string(n) + " of " + std::to_string(height) + "x" +
                       std::to_string(width) + ", " + std::to_string(in) + " to " +
                       std::to_string(out) + ", kernel " + std::to_string(kernel));
          check(ConvolutionShape{n, height, width, in, out, kernel}, ++seed);
        }
      }
    }
  }
}

TEST(Convolutions, AreThoseOfLibTorchWithTheirGradients) {
  for_all_shapes([](const ConvolutionShape& s, uint64_t seed) {
    const auto x = numbers({s.n, s.in, s.height, s.width}, 3 * seed),
               w = numbers({s.out, s.in, s.kernel, s.kernel}, 3 * seed + 1),
               g = numbers({s.n, s.out, s.height, s.width}, 3 * seed + 2);
    const auto actual = by_ours(s, x, w, g), expected = by_autograd(x, w, g),
               absolute = by_autograd(x.abs(), w.abs(), g.abs());
    const int64_t taps = s.kernel * s.kernel;
    expect_sums(actual.y, expected.y, absolute.y, taps * s.in);
    expect_sums(actual.dx, expected.dx, absolute.dx, taps * s.out);
    expect_sums(actual.dw, expected.dw, absolute.dw, s.pixels());
  });
}

// As fixed-point numbers are: sums of integers below 2^24 have no rounding at all.
TEST(Convolutions, AreExactOfIntegers) {
  for_all_shapes([](const ConvolutionShape& s, uint64_t seed) {
    const auto integers = [&](const std::vector<int64_t>& shape, double most, uint64_t own) {
      return uniform_tensor(shape, -most, most + 1, own).floor();
    };
    const auto x = integers({s.n, s.in, s.height, s.width}, 127, 3 * seed),
               w = integers({s.out, s.in, s.kernel, s.kernel}, 127, 3 * seed + 1),
               g = integers({s.n, s.out, s.height, s.width}, 127, 3 * seed + 2);
    const auto actual = by_ours(s, x, w, g), expected = by_autograd(x, w, g);
    EXPECT_TRUE(torch::equal(actual.y.to(torch::kFloat64), expected.y));
    EXPECT_TRUE(torch::equal(actual.dx.to(torch::kFloat64), expected.dx));
    EXPECT_TRUE(torch::equal(actual.dw.to(torch::kFloat64), expected.dw));
  });
}

TEST(Convolutions, CountTheirNumbers) {
  const ConvolutionShape shape{2, 3, 5, 7, 11, 3};
  EXPECT_EQ(shape.pixels(), 30);
  EXPECT_EQ(shape.weights(), 11 * 7 * 9);
}

}  // namespace
}  // namespace pie

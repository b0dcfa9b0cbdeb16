// The row form of convolutions against LibTorch's own operations.
#include "lib/numerics/rows.h"

#include <cstring>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/base/random.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

namespace F = torch::nn::functional;

// Kernels are unrolled for some numbers of channels; these are such numbers and others.
const std::vector<int64_t> kChannels = {1, 2, 3, 4, 5, 6, 7, 8, 9};

// Images narrower than the kernel are where border handling goes wrong.
const std::vector<RowGrid> kGrids = {{2, 4, 5}, {1, 1, 1}, {3, 1, 2}, {2, 3, 1}, {1, 2, 2}};

torch::Tensor rows_of_noise(const RowGrid& grid, int64_t width, uint64_t seed) {
  return normal_tensor({grid.rows(), width}, seed);
}

std::vector<std::pair<int64_t, int64_t>> channels_and_kernels() {
  std::vector<std::pair<int64_t, int64_t>> all;
  for (const int64_t channels : kChannels) {
    for (const int64_t kernel : {1, 3, 5}) all.emplace_back(channels, kernel);
  }
  return all;
}

TEST(Rows, RowsAndBack) {
  const auto x = torch::arange(2 * 3 * 4 * 5, torch::kFloat64).view({2, 3, 4, 5});
  const auto rows = to_rows(x);
  for (const auto& [n, y, column] : {std::tuple{0, 0, 0}, std::tuple{1, 2, 3}}) {
    EXPECT_TRUE(torch::equal(rows[(n * 4 + y) * 5 + column], x[n].select(1, y).select(1, column)));
  }
  EXPECT_TRUE(torch::equal(from_rows(rows, {2, 4, 5}), x));
  const auto channels_last = x.contiguous(torch::MemoryFormat::ChannelsLast);
  EXPECT_EQ(to_rows(channels_last).data_ptr(), channels_last.data_ptr());
}

TEST(Rows, SpreadIsUnfold) {
  for (const auto& grid : kGrids) {
    for (const auto& [channels, kernel] : channels_and_kernels()) {
      const int64_t taps = kernel * kernel;
      const auto rows = rows_of_noise(grid, channels, 1);
      const auto patches = F::unfold(from_rows(rows, grid).contiguous(),
                                     F::UnfoldFuncOptions({kernel, kernel}).padding(kernel / 2));
      const auto expected = patches.view({grid.n, channels, taps, grid.height * grid.width})
                                .permute({0, 3, 2, 1});  // [N, HW, taps, C]
      const auto flat = [&grid, width = taps * channels](const torch::Tensor& t) {
        return t.reshape({grid.rows(), width});
      };
      EXPECT_TRUE(torch::equal(spread(rows, grid, kernel, +1, torch::kFloat64), flat(expected)));
      // The other sign looks the other way from every pixel.
      EXPECT_TRUE(
          torch::equal(spread(rows, grid, kernel, -1, torch::kFloat64), flat(expected.flip({2}))));
      const auto rows32 = rows.to(torch::kFloat32);
      EXPECT_TRUE(torch::equal(spread(rows32, grid, kernel, +1, torch::kFloat32),
                               flat(expected).to(torch::kFloat32)));
      EXPECT_TRUE(torch::equal(spread(rows32, grid, kernel, +1, torch::kBFloat16),
                               flat(expected).to(torch::kFloat32).to(torch::kBFloat16)));
    }
  }
}

TEST(Rows, CollectIsTheAdjointOfSpread) {
  for (const auto& grid : kGrids) {
    for (const auto& [channels, kernel] : channels_and_kernels()) {
      for (const int sign : {+1, -1}) {
        const auto x = rows_of_noise(grid, channels, 2);
        const auto y = rows_of_noise(grid, channels * kernel * kernel, 3);
        const double left =
            (spread(x, grid, kernel, sign, torch::kFloat64) * y).sum().item<double>();
        const double right = (x * collect(y, grid, kernel, -sign)).sum().item<double>();
        EXPECT_NEAR(left, right, 1e-12 * (1 + std::abs(left)));
      }
    }
  }
}

TEST(Rows, ProductsOfRowsAreConvolutions) {
  for (const auto& grid : kGrids) {
    const int64_t kernel = 3, in = 3, out = 2, taps = 9;
    const auto x = rows_of_noise(grid, in, 4);
    const auto image = from_rows(x, grid);
    const auto first = normal_tensor({taps * in, out}, 5);
    const auto spread_weight = first.view({kernel, kernel, in, out}).permute({3, 2, 0, 1});
    expect_close(from_rows(torch::mm(spread(x, grid, kernel, +1, torch::kFloat64), first), grid),
                 torch::conv2d(image, spread_weight, {}, 1, 1), 1e-12);
    const auto last = normal_tensor({in, taps * out}, 6);
    const auto collect_weight = last.view({in, kernel, kernel, out}).permute({3, 0, 1, 2});
    expect_close(from_rows(collect(torch::mm(x, last), grid, kernel, +1), grid),
                 torch::conv2d(image, collect_weight, {}, 1, 1), 1e-12);
  }
}

TEST(Rows, BiasAndReluInPlace) {
  const auto bias = normal_tensor({5}, 7);
  for (const auto dtype : {torch::kFloat32, torch::kFloat64, torch::kBFloat16}) {
    const auto wide = dtype == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
    auto y = normal_tensor({33, 5}, 8).to(dtype);
    const auto expected = torch::relu(y.to(wide) + bias.to(wide)).to(dtype);
    const void* data = y.data_ptr();
    add_bias_relu_(y, bias.to(wide));
    EXPECT_EQ(y.data_ptr(), data);
    EXPECT_TRUE(torch::equal(y, expected)) << dtype;
    y[3][1] = NAN;  // must reach the check that names it
    add_bias_relu_(y, bias.to(wide));
    EXPECT_TRUE(std::isnan(y[3][1].item<double>()));
  }
}

TEST(Rows, ReluBackwardAndItsColumnSums) {
  for (const auto dtype : {torch::kFloat32, torch::kFloat64, torch::kBFloat16}) {
    for (const int64_t rows : {1, 7, 1000}) {
      const auto y = torch::relu(normal_tensor({rows, 6}, 9)).to(dtype);
      auto g = normal_tensor({rows, 6}, 10).to(dtype);
      const auto expected = torch::where(y > 0, g, torch::zeros_like(g));
      const auto sums = relu_backward_(g, y);
      EXPECT_TRUE(torch::equal(g, expected)) << dtype;
      EXPECT_EQ(sums.scalar_type(), dtype == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32);
      // Sums of n numbers of size 1 in float32: n eps at the most.
      const double bound = static_cast<double>(rows) * 1.2e-7;
      EXPECT_LE(max_difference(sums, expected.to(torch::kFloat64).sum(0)), bound) << dtype;
    }
  }
}

TEST(Rows, ColumnsApartAndTogether) {
  for (const int64_t a : kChannels) {
    for (const int64_t b : {1, 3, 8}) {
      auto rows = normal_tensor({7, a + b}, 14).requires_grad_(true);
      const auto [left, right] = split_columns(rows, a);
      EXPECT_TRUE(torch::equal(left, rows.slice(1, 0, a)));
      EXPECT_TRUE(torch::equal(right, rows.slice(1, a)));
      EXPECT_TRUE(left.is_contiguous() && right.is_contiguous());
      const auto joined = join_columns(left, right);
      EXPECT_TRUE(torch::equal(joined, rows));
      const auto w = normal_tensor({7, a + b}, 15);
      // The gradient arrives through views as well.
      (joined.t() * w.t()).sum().backward();
      EXPECT_TRUE(torch::equal(rows.grad(), w));
    }
  }
}

TEST(Rows, ColumnsThatNobodyUsesHaveNoGradient) {
  auto rows = normal_tensor({7, 5}, 16).requires_grad_(true);
  split_columns(rows, 2).second.sum().backward();
  auto expected = torch::ones({7, 5}, torch::kFloat64);
  expected.slice(1, 0, 2).zero_();
  EXPECT_TRUE(torch::equal(rows.grad(), expected));
}

TEST(Rows, ScaleAndShiftWithGradients) {
  for (const int64_t channels : kChannels) {
    const auto w = normal_tensor({channels, 1500}, 17).t();
    std::vector<torch::Tensor> values, gradients[2];
    for (const bool own : {false, true}) {
      const auto x = normal_tensor({1500, channels}, 18).requires_grad_(true);
      const auto scale = normal_tensor({channels}, 19).requires_grad_(true);
      const auto shift = normal_tensor({channels}, 20).requires_grad_(true);
      values.push_back(own ? scale_shift(x, scale, shift) : x * scale + shift);
      (values.back() * w).sum().backward();
      gradients[own ? 1 : 0] = {x.grad(), scale.grad(), shift.grad()};
    }
    expect_close(values[1], values[0], 1e-14);
    for (size_t i = 0; i < 3; ++i) expect_close(gradients[1][i], gradients[0][i], 1e-11);
  }
}

TEST(Rows, ResultsDoNotDependOnTheThreads) {
  const int before = at::get_num_threads();
  const RowGrid grid{16, 16, 16};
  const auto x = normal_tensor({grid.rows(), 8}, 11, torch::kFloat32);
  const auto y = normal_tensor({grid.rows(), 72}, 12, torch::kFloat32);
  std::vector<torch::Tensor> results[2];
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    auto g = y.clone();
    auto scale = torch::ones({8}).requires_grad_(true);
    scale_shift(x, scale, torch::zeros({8})).square().sum().backward();
    results[threads - 1] = {spread(x, grid, 3, +1, torch::kBFloat16), collect(y, grid, 3, -1),
                            relu_backward_(g, y), g, scale.grad()};
  }
  at::set_num_threads(before);
  for (size_t i = 0; i < results[0].size(); ++i) {
    EXPECT_TRUE(torch::equal(results[0][i], results[1][i])) << i;
  }
}

TEST(Rows, Bfloat16RoundsToNearestEven) {
  std::vector<float> values = {0.0F,
                               -0.0F,
                               1.0F,
                               INFINITY,
                               -INFINITY,
                               std::numeric_limits<float>::max(),
                               std::numeric_limits<float>::min(),
                               std::numeric_limits<float>::denorm_min()};
  const CounterRandom random(13, 0);
  for (uint64_t i = 0; i < 20000; ++i) {
    // A third of the patterns lie on or beside a tie.
    uint32_t bits = random.bits(i);
    if (i % 3 == 0) bits = (bits & 0xffff0000U) | (0x7fffU + bits % 3);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isnan(value)) values.push_back(value);
  }
  const auto n = static_cast<int64_t>(values.size());
  const auto x = torch::from_blob(values.data(), {n, 1});
  // On images of one pixel only the middle tap holds anything.
  const auto rounded = spread(x, {n, 1, 1}, 3, +1, torch::kBFloat16).select(1, 4);
  EXPECT_TRUE(torch::equal(rounded, x.to(torch::kBFloat16).view(-1)));
  const auto nan = spread(torch::full({1, 1}, NAN), {1, 1, 1}, 3, +1, torch::kBFloat16);
  EXPECT_TRUE(std::isnan(nan[0][4].item<float>()));
}

}  // namespace
}  // namespace pie

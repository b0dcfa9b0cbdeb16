// Every kernel computes what a plain 64-bit loop does, up to the largest sums there can be.
#include "lib/exact/exact_convolution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/base/random.h"
#include "tests/support/failure.h"

namespace pie {
namespace {

constexpr ExactOutput kActivation{0, 7, 0, kLargestActivation8},
    kSmaller{0, 9, 0, kLargestActivation8};
// The largest range of indices that their type holds.
constexpr std::int32_t kLowest = std::numeric_limits<std::int16_t>::min(),
                       kHighest = std::numeric_limits<std::int16_t>::max();

struct Layer {
  std::int64_t in, kernel;
  std::vector<std::int32_t> weights;
  std::vector<ExactOutput> outputs;

  std::int64_t out() const { return static_cast<std::int64_t>(outputs.size()); }
  ExactConvolution convolution() const { return {in, kernel, weights, outputs}; }
};

std::int32_t between(const CounterRandom& random, std::uint64_t k, std::int32_t low,
                     std::int32_t high) {
  return low +
         static_cast<std::int32_t>(random.bits(k) % static_cast<std::uint32_t>(high - low + 1));
}

// Random weights up to `largest`; biases of a few units of an output.
Layer random_layer(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int32_t largest,
                   const ExactOutput& output, std::uint64_t seed) {
  Layer layer{in, kernel, {}, {}};
  const CounterRandom weights(seed, 0), biases(seed, 1);
  for (std::int64_t k = 0; k < out * in * kernel * kernel; ++k) {
    layer.weights.push_back(between(weights, static_cast<std::uint64_t>(k), -largest, largest));
  }
  for (std::int64_t o = 0; o < out; ++o) {
    layer.outputs.push_back(output);
    const std::int32_t most = 10 << output.shift;
    layer.outputs.back().bias = between(biases, static_cast<std::uint64_t>(o), -most, most);
  }
  return layer;
}

// Activations without a border, [n, height, width, channels].
Bytes random_rows(const CellGrid& grid, std::int64_t channels, std::uint64_t seed) {
  Bytes rows(grid.cells() * static_cast<std::size_t>(channels));
  const CounterRandom random(seed, 2);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = static_cast<std::uint8_t>(between(random, i, 0, kLargestActivation8));
  }
  return rows;
}

ActivationMap map_of(const CellGrid& grid, std::int64_t channels, const Bytes& rows) {
  ActivationMap map(grid, channels);
  map.fill(rows.data());
  return map;
}

Bytes rows_of(const ActivationMap& map) {
  Bytes rows;
  for (std::int64_t row = 0; row < map.grid().n * map.grid().height; ++row) {
    for (std::int64_t x = 0; x < map.grid().width; ++x) {
      const auto* cell = map.row(row) + x * map.stride();
      rows.insert(rows.end(), cell, cell + map.channels());
    }
  }
  return rows;
}

// What the header says, cell by cell: [n, height, width, outputs]. `skip` may be empty.
std::vector<std::int64_t> reference(const Layer& layer, const CellGrid& grid, const Bytes& x,
                                    const Bytes& skip) {
  std::vector<std::int64_t> result;
  const std::int64_t radius = layer.kernel / 2;
  for (std::int64_t cell = 0; cell < static_cast<std::int64_t>(grid.cells()); ++cell) {
    const std::int64_t column = cell % grid.width, row = cell / grid.width % grid.height;
    for (std::int64_t o = 0; o < layer.out(); ++o) {
      const auto& output = layer.outputs[static_cast<std::size_t>(o)];
      std::int64_t sum = output.bias;
      if (!skip.empty())
        sum +=
            (1 << layer.outputs[0].shift) * skip[static_cast<std::size_t>(cell * layer.out() + o)];
      for (std::int64_t dy = -radius; dy <= radius; ++dy) {
        for (std::int64_t dx = -radius; dx <= radius; ++dx) {
          if (row + dy < 0 || row + dy >= grid.height || column + dx < 0 ||
              column + dx >= grid.width) {
            continue;
          }
          const std::int64_t tap = (dy + radius) * layer.kernel + dx + radius;
          for (std::int64_t c = 0; c < layer.in; ++c) {
            sum += std::int64_t{layer.weights[static_cast<std::size_t>(
                       (o * layer.in + c) * layer.kernel * layer.kernel + tap)]} *
                   x[static_cast<std::size_t>((cell + dy * grid.width + dx) * layer.in + c)];
          }
        }
      }
      const std::int64_t unit = std::int64_t{1} << output.shift, above = sum + unit / 2;
      const std::int64_t floor = above / unit - (above % unit < 0 ? 1 : 0);
      result.push_back(std::clamp<std::int64_t>(floor, output.low, output.high));
    }
  }
  return result;
}

Bytes as_bytes(const std::vector<std::int64_t>& values) { return {values.begin(), values.end()}; }

// The outputs of a layer of indices.
std::vector<std::int64_t> indices_of(const Layer& layer, const ActivationMap& x) {
  const auto convolution = layer.convolution();
  const auto stride = static_cast<std::size_t>(convolution.output_stride());
  std::vector<std::int16_t> all(x.grid().cells() * stride);
  convolution.indices(x, all.data(), 0, x.grid().n * x.grid().height);
  std::vector<std::int64_t> result;
  for (std::size_t cell = 0; cell < x.grid().cells(); ++cell) {
    const auto* row = all.data() + cell * stride;
    result.insert(result.end(), row, row + layer.out());
  }
  return result;
}

// Borders and the channels that fill up are what convolutions take for zeros.
void expect_zeros_around(const ActivationMap& map) {
  const auto [n, height, width] = map.grid();
  for (std::int64_t row = 0; row < n * height; ++row) {
    for (std::int64_t x = -1; x <= width; ++x) {
      const bool inside = x >= 0 && x < width;
      for (std::int64_t k = inside ? map.channels() : 0; k < map.stride(); ++k) {
        ASSERT_EQ(map.row(row)[x * map.stride() + k], 0) << row << " " << x;
      }
    }
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const auto* above = map.row(i * height) - map.row_stride() - map.stride();
    const auto* below = map.row((i + 1) * height - 1) + map.row_stride() - map.stride();
    for (std::int64_t k = 0; k < map.row_stride(); ++k) {
      ASSERT_EQ(above[k], 0);
      ASSERT_EQ(below[k], 0);
    }
  }
}

class ExactConvolutions : public testing::Test {
 protected:
  ~ExactConvolutions() override { use_exact_kernel(exact_kernels().front()); }
};

// Calls check(in, out, kernel, grid, seed) for all combinations of what kernels treat differently:
// inputs come in fours, outputs in sixteens and cells in fours.
template <typename Check>
void for_all_sizes(const Check& check) {
  std::uint64_t seed = 0;
  for (const std::int64_t kernel : {1, 3}) {
    for (const std::int64_t in : {1, 3, 4, 6, 10, 48}) {
      for (const std::int64_t out : {1, 12, 13, 48}) {
        for (const std::int64_t width : {1, 2, 3, 4, 5, 7, 9}) {
          const CellGrid grid{1 + width % 3, 1 + width % 4, width};
          SCOPED_TRACE(std::to_string(in) + " to " + std::to_string(out) + ", kernel " +
                       std::to_string(kernel) + ", " + std::to_string(grid.n) + " of " +
                       std::to_string(grid.height) + "x" + std::to_string(width));
          check(in, out, kernel, grid, ++seed);
        }
      }
    }
  }
}

TEST_F(ExactConvolutions, ActivationsAreTheirDefinition) {
  std::size_t inside = 0, all = 0;
  for_all_sizes([&](std::int64_t in, std::int64_t out, std::int64_t kernel, const CellGrid& grid,
                    std::uint64_t seed) {
    // Such weights that most sums are activations.
    std::int32_t largest = kLargestWeight8;
    while (largest > 1 && largest * largest * in * kernel * kernel > 20000) --largest;
    const auto layer =
        random_layer(in, out, kernel, largest, seed % 2 == 0 ? kActivation : kSmaller, seed);
    const auto x = random_rows(grid, in, seed), skip = random_rows(grid, out, seed + 1000);
    const auto convolution = layer.convolution();
    EXPECT_EQ(convolution.outputs(), out);
    const auto input = map_of(grid, in, x), added = map_of(grid, out, skip);
    const std::int64_t rows = grid.n * grid.height;
    const auto without = as_bytes(reference(layer, grid, x, {})),
               with = as_bytes(reference(layer, grid, x, skip));
    for (const auto& name : exact_kernels()) {
      use_exact_kernel(name);
      ActivationMap y(grid, out), sum(grid, out), own = added;
      convolution.activations(input, nullptr, y, 0, rows);
      EXPECT_EQ(rows_of(y), without) << name;
      convolution.activations(input, &added, sum, 0, rows);
      EXPECT_EQ(rows_of(sum), with) << name;
      convolution.activations(input, &own, own, 0, rows);
      EXPECT_EQ(rows_of(own), with) << name << ", in place";
      expect_zeros_around(y);
      expect_zeros_around(own);
    }
    all += without.size();
    for (const auto a : without) inside += a > 0 && a < kLargestActivation8 ? 1 : 0;
  });
  EXPECT_GT(inside, all / 4);  // or it would be clamping that is tested
}

TEST_F(ExactConvolutions, IndicesAreTheirDefinition) {
  for_all_sizes([&](std::int64_t in, std::int64_t out, std::int64_t kernel, const CellGrid& grid,
                    std::uint64_t seed) {
    // No sum of 48 * 9 products is beyond 16 bits behind this shift.
    auto layer = random_layer(in, out, kernel, kLargestWeight8, {0, 8, kLowest, kHighest}, seed);
    layer.outputs.front() = {-7, 3, -100, 99};
    const auto x = random_rows(grid, in, seed);
    const auto expected = reference(layer, grid, x, {});
    for (const auto& name : exact_kernels()) {
      use_exact_kernel(name);
      EXPECT_EQ(indices_of(layer, map_of(grid, in, x)), expected) << name;
    }
  });
}

// Where pairs of products come closest to 16 bits.
TEST_F(ExactConvolutions, TheLargestProductsAreExact) {
  const CellGrid grid{2, 3, 5};
  for (const std::int64_t kernel : {1, 3}) {
    Layer layer{48, kernel, {}, {}};
    for (const std::int32_t sign : {1, -1, 0}) {
      layer.outputs.push_back({sign, 8, kLowest, kHighest});
      for (std::int64_t k = 0; k < 48 * kernel * kernel; ++k) {
        const bool down = sign == 0 ? k % 3 == 0 : sign < 0;
        layer.weights.push_back(down ? -kLargestWeight8 : kLargestWeight8);
      }
    }
    const Bytes x(grid.cells() * 48, kLargestActivation8);
    const auto expected = reference(layer, grid, x, {});
    for (const auto& name : exact_kernels()) {
      use_exact_kernel(name);
      EXPECT_EQ(indices_of(layer, map_of(grid, 48, x)), expected) << name;
    }
  }
}

TEST_F(ExactConvolutions, PartsOfRowsLeaveTheOthersAlone) {
  const CellGrid grid{2, 3, 5};
  const std::int64_t rows = 6;
  const auto layer = random_layer(6, 13, 3, 20, kActivation, 1);
  const auto convolution = layer.convolution();
  const auto input = map_of(grid, 6, random_rows(grid, 6, 1));
  ActivationMap whole(grid, 13);
  convolution.activations(input, nullptr, whole, 0, rows);
  const auto indices = [&](std::int64_t first, std::int64_t last, std::vector<std::int16_t>& y) {
    convolution.indices(input, y.data(), first, last);
  };
  const auto each = static_cast<std::size_t>(grid.width * convolution.output_stride());
  std::vector<std::int16_t> all(6 * each);
  indices(0, rows, all);
  for (std::int64_t first = 0; first <= rows; ++first) {
    for (std::int64_t last = first; last <= rows; ++last) {
      auto part = map_of(grid, 13, Bytes(grid.cells() * 13, 99));
      convolution.activations(input, nullptr, part, first, last);
      std::vector<std::int16_t> some(all.size(), -1);
      indices(first, last, some);
      for (std::int64_t row = 0; row < rows; ++row) {
        const bool own = row >= first && row < last;
        const auto at = static_cast<std::size_t>(row) * each;
        for (std::int64_t k = 0; k < grid.width * 13; ++k) {
          const std::int64_t byte = k / 13 * part.stride() + k % 13;
          ASSERT_EQ(part.row(row)[byte], own ? whole.row(row)[byte] : 99);
        }
        for (std::size_t k = at; k < at + each; ++k) ASSERT_EQ(some[k], own ? all[k] : -1);
      }
    }
  }
}

// Every rest of a division, of both signs, rounded half up.
TEST_F(ExactConvolutions, IndicesRoundAndClamp) {
  for (const std::int32_t shift : {1, 2, 5, 9, 12}) {
    for (const auto& [low, high] : std::vector<std::pair<std::int32_t, std::int32_t>>{
             {kLowest, kHighest}, {-5, 3}, {0, 127}, {2, 2}, {-9, -4}}) {
      Layer layer{1, 1, {}, {}};
      for (std::int32_t bias = -1200; bias <= 1200; ++bias) {
        layer.weights.push_back(bias % 3);
        layer.outputs.push_back({bias, shift, low, high});
      }
      for (const auto& name : exact_kernels()) {
        use_exact_kernel(name);
        const auto y = indices_of(layer, map_of({1, 1, 1}, 1, {100}));
        for (std::size_t o = 0; o < y.size(); ++o) {
          const double sum = layer.outputs[o].bias + 100 * layer.weights[o];
          const double exact = std::floor(sum / (1 << shift) + 0.5);
          ASSERT_EQ(static_cast<double>(y[o]), std::clamp<double>(exact, low, high)) << sum;
        }
      }
    }
  }
}

TEST_F(ExactConvolutions, RefuseWhatDoesNotFit) {
  const auto make = [](std::int64_t in, std::int64_t kernel, std::size_t weights,
                       std::size_t outputs) {
    ExactConvolution(in, kernel, std::vector<std::int32_t>(weights, 1),
                     std::vector<ExactOutput>(outputs, kActivation));
  };
  EXPECT_NO_THROW(make(3, 3, 54, 2));
  EXPECT_THROW(make(3, 3, 53, 2), UsageError);
  EXPECT_THROW(make(3, 3, 55, 2), UsageError);
  EXPECT_THROW(make(3, 1, 54, 2), UsageError);
  EXPECT_THROW(make(3, 2, 24, 2), UsageError);
  EXPECT_THROW(make(0, 3, 0, 2), UsageError);
  EXPECT_THROW(make(3, 3, 0, 0), UsageError);
  for (const std::int32_t weight : {127, -127, 128, -128, 1000}) {
    const auto action = [&] { ExactConvolution(1, 1, {weight}, {kActivation}); };
    EXPECT_EQ(failure<UsageError>(action) == "no error", std::abs(weight) <= 127) << weight;
  }
}

// The largest sum of `in` products is 127 * 127 * in.
TEST_F(ExactConvolutions, SumsStayWithin32Bits) {
  constexpr std::int64_t kProduct = 127 * 127, kMost = std::numeric_limits<std::int32_t>::max();
  constexpr std::int32_t kShift = 16;
  const std::int64_t most = kMost / kProduct;
  // But for a skip and for rounding.
  const std::int64_t fitting = most - 21;
  const auto layer = [&](std::int64_t in, std::int32_t weight, std::int32_t bias) {
    return Layer{in,
                 1,
                 std::vector<std::int32_t>(static_cast<std::size_t>(in), weight),
                 {{bias, kShift, kLowest, kHighest}}};
  };
  for (const std::int32_t sign : {1, -1}) {
    const auto largest = layer(fitting, 127 * sign, sign);
    const auto x = Bytes(static_cast<std::size_t>(fitting), kLargestActivation8);
    const auto expected = reference(largest, {1, 1, 1}, x, {});
    EXPECT_GT(std::abs(expected[0]), 32700);
    for (const auto& name : exact_kernels()) {
      use_exact_kernel(name);
      EXPECT_EQ(indices_of(largest, map_of({1, 1, 1}, fitting, x)), expected) << name;
    }
    const auto left = static_cast<std::int32_t>(kMost - kProduct * (fitting));
    EXPECT_THROW(layer(fitting, 127 * sign, sign * left).convolution(), UsageError);
    EXPECT_THROW(layer(most + 1, 127 * sign, 0).convolution(), UsageError);
    EXPECT_THROW(layer(1, 1, sign * static_cast<std::int32_t>(kMost)).convolution(), UsageError);
  }
}

TEST_F(ExactConvolutions, KernelsHaveNames) {
  const auto names = exact_kernels();
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(names.back(), "portable");
  const auto message = failure<UsageError>([] { use_exact_kernel("abacus"); });
  EXPECT_NE(message.find("abacus"), std::string::npos) << message;
  for (const auto& name : names) {
    EXPECT_NO_THROW(use_exact_kernel(name));
    EXPECT_NE(message.find(name), std::string::npos) << message;
  }
}

TEST(ActivationMaps, FillingKeepsTheZerosAround) {
  for (const std::int64_t channels : {1, 3, 4, 5}) {
    const CellGrid grid{2, 3, 4};
    ActivationMap map(grid, channels);
    EXPECT_EQ(map.channels(), channels);
    EXPECT_EQ(map.stride(), (channels + 3) / 4 * 4);
    for (const std::uint64_t seed : {1, 2}) {
      const auto rows = random_rows(grid, channels, seed);
      map.fill(rows.data());
      EXPECT_EQ(rows_of(map), rows);
      expect_zeros_around(map);
    }
  }
}

}  // namespace
}  // namespace pie

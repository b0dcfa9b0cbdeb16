// Networks of integers say the same whatever computes them: in parts, by any kernel, in any batch.
#include "lib/exact/network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>

#include "lib/base/random.h"

namespace pie {
namespace {

constexpr std::int64_t kCoarse = 5, kFeatures = 2, kHidden = 10, kOutputs = 6;
constexpr std::int64_t kChannels = 2, kDepth = 3;

// Layers with random weights, each from a stream of its own.
class RandomLayers {
 public:
  explicit RandomLayers(std::uint64_t seed) : seed_(seed) {}

  ExactConvolution activations(std::int64_t in, std::int64_t kernel) {
    return layer(in, kHidden, kernel, {0, kernel == 3 ? 8 : 7, 0, kLargestActivation8});
  }
  ExactConvolution indices() { return layer(kHidden, kOutputs, 1, {0, 3, -2559, 2559}); }
  std::vector<ExactNetwork::Block> blocks(int count) {
    std::vector<ExactNetwork::Block> result;
    for (int i = 0; i < count; ++i) {
      auto inner = activations(kHidden, 3);
      result.push_back({std::move(inner), activations(kHidden, 1)});
    }
    return result;
  }

 private:
  ExactConvolution layer(std::int64_t in, std::int64_t out, std::int64_t kernel,
                         const ExactOutput& output) {
    const CounterRandom random(seed_, ++layers_);
    // Such weights that sums of activations are activations, and not all clamped.
    const auto terms = static_cast<double>(in * kernel * kernel);
    const auto largest = static_cast<std::int32_t>(127 / std::sqrt(terms));
    std::vector<std::int32_t> weights;
    for (std::int64_t k = 0; k < out * in * kernel * kernel; ++k) {
      const auto range = static_cast<std::uint32_t>(2 * largest + 1);
      weights.push_back(
          static_cast<std::int32_t>(random.bits(static_cast<std::uint64_t>(k)) % range) - largest);
    }
    std::vector<ExactOutput> outputs(static_cast<std::size_t>(out), output);
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      outputs[o].bias = static_cast<std::int32_t>(300 * random.normal(o));
    }
    return {in, kernel, weights, outputs};
  }

  std::uint64_t seed_, layers_ = 0;
};

// Of a scale, or of z, of which nothing is known: with one phase.
ExactNetwork random_network(std::uint64_t seed, bool z) {
  RandomLayers random(seed);
  ExactNetwork network{kHidden, {}, {}, {}, {}, {}};
  if (!z) {
    network.first = random.activations(kCoarse, 3);
    network.first_blocks = random.blocks(1);
  }
  for (std::size_t phase = 0; phase < (z ? 1 : kCellPhases.size()); ++phase) {
    if (phase > 0) {
      network.injections.push_back(random.activations(kChannels * kFeatures, 3));
    }
    network.phase_blocks.push_back(random.blocks(z ? 0 : 1));
    auto& heads = network.heads.emplace_back();
    heads.push_back({{}, {}, random.indices()});
    auto joint = random.activations(kFeatures, 3);
    auto mixed = random.activations(kHidden, 1);
    heads.push_back({std::move(joint), std::move(mixed), random.indices()});
  }
  return network;
}

// Two scales' and z's.
const std::vector<ExactNetwork>& networks() {
  static const std::vector<ExactNetwork> all{random_network(1, false), random_network(2, false),
                                             random_network(3, true)};
  return all;
}

FeatureRows random_rows(const CellGrid& grid, std::int64_t columns, std::uint64_t seed) {
  FeatureRows rows(grid.cells(), columns);
  const CounterRandom random(seed, 0);
  for (std::size_t i = 0; i < rows.data.size(); ++i) {
    rows.data[i] = static_cast<std::uint8_t>(random.bits(i) & 127U);
  }
  return rows;
}

// What is shown of n images.
struct Shown {
  CellGrid grid;
  FeatureRows coarse;
  std::vector<FeatureRows> planes;  // of each phase

  explicit Shown(const CellGrid& of)
      : grid(of), coarse(random_rows(of, kCoarse, 1)), planes(3, FeatureRows(0, 0)) {
    for (std::size_t p = 0; p < 3; ++p) planes[p] = random_rows(of, kChannels * kFeatures, 2 + p);
  }
};

FeatureRows slice(const FeatureRows& rows, std::size_t first, std::size_t cells) {
  FeatureRows part(cells, rows.columns);
  const auto from = rows.data.begin() + static_cast<std::int64_t>(first) * rows.columns;
  std::copy_n(from, part.data.size(), part.data.begin());
  return part;
}

// Of one image of several.
Shown image_of(const Shown& all, std::int64_t i) {
  Shown one({1, all.grid.height, all.grid.width});
  const std::size_t cells = one.grid.cells(), first = static_cast<std::size_t>(i) * cells;
  one.coarse = slice(all.coarse, first, cells);
  for (std::size_t p = 0; p < 3; ++p) one.planes[p] = slice(all.planes[p], first, cells);
  return one;
}

using Indices = std::vector<std::int16_t>;  // [cells, kOutputs]

// What all heads of a scale say, phase by phase and channel by channel.
std::vector<Indices> outputs(std::int64_t scale, const Shown& shown, const Parts& parts) {
  const bool z = scale == kDepth;
  ExactNetworks all(networks(), kDepth, parts);
  all.begin(scale, shown.grid, z ? FeatureRows(shown.grid.cells(), 0) : shown.coarse);
  std::vector<Indices> result;
  for (std::size_t phase = 0; phase < (z ? 1 : kCellPhases.size()); ++phase) {
    if (phase > 0) all.inject(phase, shown.planes[phase - 1]);
    for (std::int64_t c = 0; c < kChannels; ++c) {
      // The channel before, of which the first columns are.
      FeatureRows before(shown.grid.cells(), c * kFeatures);
      for (std::size_t i = 0; i < before.data.size(); ++i) {
        before.data[i] =
            shown.planes[phase].data[i / kFeatures * kChannels * kFeatures + i % kFeatures];
      }
      const ExactPlane plane{0, scale, phase, c, shown.grid.height, shown.grid.width};
      const auto head = all.head(plane, before);
      EXPECT_EQ(head.grid.cells(), shown.grid.cells());
      auto& indices = result.emplace_back();
      for (std::size_t i = 0; i < shown.grid.cells(); ++i) {
        const auto* row = head.data + static_cast<std::int64_t>(i) * head.stride;
        indices.insert(indices.end(), row, row + kOutputs);
      }
    }
  }
  return result;
}

using Work = std::function<void(std::int64_t first, std::int64_t last)>;

void whole(std::int64_t rows, const Work& work) { work(0, rows); }

const std::vector<CellGrid> kGrids{{1, 1, 1}, {2, 1, 5}, {2, 5, 3}, {3, 4, 9}};

TEST(ExactNetworks, ResultsDoNotDependOnHowRowsAreSplit) {
  const std::vector<Parts> ways{[](std::int64_t rows, const Work& work) {
                                  for (std::int64_t row = rows; row-- > 0;) work(row, row + 1);
                                },
                                [](std::int64_t rows, const Work& work) {
                                  for (std::int64_t row = 0; row < rows; row += 2)
                                    work(row, std::min(rows, row + 2));
                                },
                                [](std::int64_t rows, const Work& work) {
                                  std::thread other([&] { work(rows / 2, rows); });
                                  work(0, rows / 2);
                                  other.join();
                                }};
  for (const auto& grid : kGrids) {
    const Shown shown(grid);
    for (const std::int64_t scale : {std::int64_t{0}, kDepth}) {
      const auto expected = outputs(scale, shown, whole);
      for (const auto& way : ways) EXPECT_EQ(outputs(scale, shown, way), expected) << scale;
    }
  }
}

TEST(ExactNetworks, ResultsDoNotDependOnKernels) {
  const Shown shown(kGrids.back());
  const auto expected = outputs(0, shown, whole);
  for (const auto& name : exact_kernels()) {
    use_exact_kernel(name);
    EXPECT_EQ(outputs(0, shown, whole), expected) << name;
  }
  use_exact_kernel(exact_kernels().front());
}

TEST(ExactNetworks, ImagesDoNotSeeEachOther) {
  for (const auto& grid : kGrids) {
    const Shown shown(grid);
    const auto together = outputs(0, shown, whole);
    for (std::int64_t i = 0; i < grid.n; ++i) {
      const auto alone = outputs(0, image_of(shown, i), whole);
      ASSERT_EQ(alone.size(), together.size());
      for (std::size_t k = 0; k < alone.size(); ++k) {
        const auto first = together[k].begin() + i * static_cast<std::int64_t>(alone[k].size());
        EXPECT_TRUE(std::equal(alone[k].begin(), alone[k].end(), first)) << i << " " << k;
      }
    }
  }
}

// Or nothing above would be a test of it.
TEST(ExactNetworks, ResultsDependOnAllThatIsShown) {
  const CellGrid grid{1, 5, 6};
  const Shown shown(grid);
  const auto expected = outputs(0, shown, whole);
  const auto changed_from = [&](const Shown& other) {
    const auto found = outputs(0, other, whole);
    return std::mismatch(found.begin(), found.end(), expected.begin()).first - found.begin();
  };
  // Outputs are of two channels in each phase; the second sees the first, later phases see both.
  auto other = shown;
  other.coarse = random_rows(grid, kCoarse, 9);
  EXPECT_EQ(changed_from(other), 0);
  for (std::size_t p = 0; p < 3; ++p) {
    other = shown;
    other.planes[p] = random_rows(grid, kChannels * kFeatures, 9);
    EXPECT_EQ(changed_from(other), static_cast<std::int64_t>(2 * p + 1));
  }
  for (const auto& indices : expected) {
    EXPECT_NE(Indices(indices.begin(), indices.begin() + kOutputs),
              Indices(indices.end() - kOutputs, indices.end()));
  }
}

// The one before z's serves all scales that are coarser than those that have their own.
TEST(ExactNetworks, CoarseScalesShareANetwork) {
  const Shown shown({1, 3, 4});
  const auto first = outputs(0, shown, whole), second = outputs(1, shown, whole);
  EXPECT_NE(first, second);
  EXPECT_EQ(outputs(2, shown, whole), second);
  EXPECT_EQ(outputs(kDepth, shown, whole).size(), static_cast<std::size_t>(kChannels));
}

}  // namespace
}  // namespace pie

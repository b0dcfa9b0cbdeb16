// Kernels that this machine may lack the instructions for.
#include "lib/exact/kernels.h"

#include <gtest/gtest.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <algorithm>
#include <vector>

#include "lib/base/random.h"
#include "tests/exact/tile_unit.h"

namespace pie {
namespace {

// Groups and inputs fill tiles in part, just, and more than once.
TEST(AmxSums, ArePortableOnes) {
  const bool own = allow_amx();
  for (const std::int64_t groups : {1, 2, 3, 4, 5, 7}) {
    for (const std::int64_t quads : {1, 3, 12, 16, 17, 20, 24}) {
      for (const std::int64_t taps : {1, 9}) {
        const std::int64_t stride = quads * kInputQuad;
        std::vector<std::int8_t> weights(
            static_cast<std::size_t>(groups * taps * stride * kOutputGroup));
        std::vector<std::uint8_t> x(static_cast<std::size_t>((kCellsAtOnce + 2 * taps) * stride));
        const CounterRandom random(static_cast<std::uint64_t>(groups * 100 + quads), 0);
        for (std::size_t i = 0; i < weights.size(); ++i) {
          weights[i] = static_cast<std::int8_t>(random.bits(i) % 255 - 127);
        }
        for (std::size_t i = 0; i < x.size(); ++i) {
          x[i] = static_cast<std::uint8_t>(random.bits(weights.size() + i) % 128);
        }
        std::vector<std::int64_t> offsets;
        for (std::int64_t tap = 0; tap < taps; ++tap) offsets.push_back((2 * tap - taps) * stride);
        const SumsTask task{weights.data(), groups, taps, quads, offsets.data(), stride};
        for (const std::int64_t cells :
             {std::int64_t{1}, std::int64_t{5}, std::int64_t{16}, std::int64_t{17}, kCellsAtOnce}) {
          const auto count = static_cast<std::size_t>(cells * groups * kOutputGroup);
          std::vector<std::int32_t> sums(count + 1, 77), expected(count + 1, 77);
          portable_sums(task, x.data() + taps * stride, cells, expected.data());
          if (own) {
            amx_sums(task, x.data() + taps * stride, cells, sums.data());
          } else {
            const TileUnit unit;
            amx_sums(task, x.data() + taps * stride, cells, sums.data());
          }
          ASSERT_EQ(sums, expected) << groups << " " << quads << " " << taps << " " << cells;
        }
      }
    }
  }
}

}  // namespace
}  // namespace pie
#endif

// Where each element goes, in numbers written by hand.
#include "lib/flow/reshapes.h"

#include "lib/base/error.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

TEST(Reshapes, CheckerboardOrderOfOneChannel) {
  const auto x = torch::arange(1, 17, torch::kFloat64).view({1, 1, 4, 4});
  const auto z = Downsampling({1, 4, 4}).latent(x);
  //  1  2  3  4     phases of each 2x2 cell:
  //  5  6  7  8       a b
  //  9 10 11 12       c d
  // 13 14 15 16     channels: a, d, b, c
  const auto expected = torch::tensor({{{1.0, 3.0}, {9.0, 11.0}},
                                       {{6.0, 8.0}, {14.0, 16.0}},
                                       {{2.0, 4.0}, {10.0, 12.0}},
                                       {{5.0, 7.0}, {13.0, 15.0}}},
                                      torch::kFloat64);
  EXPECT_TRUE(torch::equal(z, expected.unsqueeze(0)));
}

TEST(Reshapes, PhasesComeBeforeChannels) {
  const auto x = torch::arange(1, 9, torch::kFloat64).view({1, 2, 2, 2});
  const auto z = Downsampling({2, 2, 2}).latent(x);
  const auto expected = torch::tensor({1.0, 5.0, 4.0, 8.0, 2.0, 6.0, 3.0, 7.0}, torch::kFloat64);
  EXPECT_TRUE(torch::equal(z.view(-1), expected));
  EXPECT_TRUE(torch::equal(Downsampling({2, 2, 2}).inverse(z), x));
}

TEST(Reshapes, HalvesAreTheColoursOfTheCheckerboard) {
  auto x = torch::zeros({1, 3, 4, 6});
  for (int64_t row = 0; row < 4; ++row) {
    for (int64_t column = 0; column < 6; ++column) {
      x.index_put_({0, torch::indexing::Slice(), row, column}, (row + column) % 2);
    }
  }
  const auto z = Downsampling({3, 4, 6}).latent(x);
  EXPECT_EQ(z.slice(1, 0, 6).abs().max().item<float>(), 0);
  EXPECT_EQ(z.slice(1, 6).min().item<float>(), 1);
}

TEST(Reshapes, OddSidesAreRefused) {
  EXPECT_THROW(Downsampling({1, 3, 4}), ShapeError);
  EXPECT_THROW(Downsampling({1, 4, 5}), ShapeError);
}

TEST(Reshapes, ReversalExchangesTheHalves) {
  const auto x = torch::arange(8, torch::kFloat64).view({1, 4, 1, 2});
  const auto expected = torch::tensor({6, 7, 4, 5, 2, 3, 0, 1}, torch::kFloat64);
  EXPECT_TRUE(torch::equal(Reversal({4, 1, 2}).latent(x).reshape(-1), expected));
}

// The order is written nowhere but here: a model file holds the seed alone.
TEST(Reshapes, ShuffleIsTheSameForEver) {
  const auto x = torch::arange(8, torch::kFloat64).view({1, 8, 1, 1});
  const auto order_of = [&](uint64_t seed) { return Shuffle({8, 1, 1}, seed).latent(x).view(-1); };
  EXPECT_TRUE(torch::equal(order_of(0), torch::tensor({3, 1, 2, 4, 7, 6, 0, 5}, torch::kFloat64)))
      << order_of(0);
  EXPECT_TRUE(torch::equal(order_of(3), torch::tensor({2, 0, 7, 1, 4, 5, 3, 6}, torch::kFloat64)))
      << order_of(3);
}

TEST(Reshapes, FlattenIsRowMajor) {
  const auto x = torch::arange(24, torch::kFloat64).view({1, 2, 3, 4});
  EXPECT_TRUE(torch::equal(Flatten({2, 3, 4}).latent(x).view(-1), x.view(-1)));
  // Layers hand over channels-last views as well.
  const auto view = x.contiguous(torch::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(torch::equal(Flatten({2, 3, 4}).latent(view).view(-1), x.view(-1)));
}

}  // namespace
}  // namespace pie

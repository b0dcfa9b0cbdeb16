// Every sample of an image is in one plane, and planes come coarse to fine.
#include "lib/exact/planes.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>

#include "tests/exact/image_planes.h"

namespace pie {
namespace {

// Calls check(layout, height, width) for images of many sizes, halved up to beyond one pixel.
template <typename Check>
void for_all_images(const Check& check) {
  for (const auto& [height, width] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 1}, {1, 7}, {5, 3}, {2, 2}, {9, 1}, {8, 8}, {17, 33}, {64, 64}}) {
    for (const std::int64_t depth : {1, 2, 3, 7}) {
      for (const std::int64_t layers : {std::int64_t{0}, std::int64_t{1}, depth}) {
        for (const std::int64_t channels : {1, 2, 3}) {
          SCOPED_TRACE(std::to_string(channels) + "x" + std::to_string(height) + "x" +
                       std::to_string(width) + ", depth " + std::to_string(depth) + ", layers " +
                       std::to_string(layers));
          check(ScaleLayout{channels, depth, layers}, height, width);
        }
      }
    }
  }
}

TEST(Scales, HaveHalfTheRowsAndColumnsRoundedUp) {
  for_all_images([](const ScaleLayout& layout, std::int64_t height, std::int64_t width) {
    const auto images = scale_images(layout, height, width);
    ASSERT_EQ(images.size(), static_cast<std::size_t>(layout.depth) + 1);
    EXPECT_EQ(images[0], (Shape{layout.channels, height, width}));
    for (std::size_t s = 1; s < images.size(); ++s) {
      const auto &fine = images[s - 1], &coarse = images[s];
      EXPECT_EQ(coarse.channels, layout.channels);
      EXPECT_TRUE(2 * coarse.height == fine.height || 2 * coarse.height == fine.height + 1);
      EXPECT_TRUE(2 * coarse.width == fine.width || 2 * coarse.width == fine.width + 1);
    }
  });
}

TEST(Planes, HoldEverySampleOnce) {
  for_all_images([](const ScaleLayout& layout, std::int64_t height, std::int64_t width) {
    std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t>> seen;
    std::int64_t samples = 0;
    for (const auto& plane : exact_planes(layout, height, width)) {
      EXPECT_GT(plane.samples(), 0);
      EXPECT_EQ(plane.samples(), plane.rows * plane.columns);
      samples += plane.samples();
      for (const auto& [y, x] : test::positions(layout, plane)) {
        EXPECT_LT(y, height);
        EXPECT_LT(x, width);
        EXPECT_TRUE(seen.emplace(plane.channel, y, x).second) << y << " " << x;
      }
    }
    EXPECT_EQ(samples, layout.channels * height * width);
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(samples));
  });
}

TEST(Planes, ComeCoarseToFineAndChannelByChannel) {
  for_all_images([](const ScaleLayout& layout, std::int64_t height, std::int64_t width) {
    using Place = std::tuple<std::int64_t, std::size_t, std::int64_t>;
    const auto place = [](const ExactPlane& plane) {
      return Place{-plane.scale, plane.phase, plane.channel};
    };
    const auto planes = exact_planes(layout, height, width);
    for (std::size_t p = 0; p < planes.size(); ++p) {
      // All channels of the coarsest image come first, and all of every phase follow each other.
      EXPECT_EQ(planes[p].channel, static_cast<std::int64_t>(p) % layout.channels);
      if (p == 0) {
        EXPECT_EQ(planes[p].scale, layout.depth);
        continue;
      }
      EXPECT_LT(place(planes[p - 1]), place(planes[p]));
      EXPECT_LE(planes[p - 1].layer, planes[p].layer);
    }
  });
}

// The finest scales have a layer each, the others are z.
TEST(Planes, LayersAreTheFinestScales) {
  for_all_images([](const ScaleLayout& layout, std::int64_t height, std::int64_t width) {
    for (const auto& plane : exact_planes(layout, height, width)) {
      const bool own = plane.scale < layout.layers;
      EXPECT_EQ(plane.layer, static_cast<std::size_t>(own ? layout.layers - plane.scale : 0));
    }
  });
}

// 3x3, by hand: which samples come when.
TEST(Planes, DiagonalsComeFirst) {
  const ScaleLayout layout{1, 2, 1};
  std::vector<std::vector<std::int64_t>> order;
  std::vector<std::size_t> layers;
  for (const auto& plane : exact_planes(layout, 3, 3)) {
    auto& samples = order.emplace_back();
    layers.push_back(plane.layer);
    for (const auto& [y, x] : test::positions(layout, plane)) samples.push_back(3 * y + x);
  }
  EXPECT_EQ(order,
            (std::vector<std::vector<std::int64_t>>{{0}, {8}, {2}, {6}, {4}, {1, 7}, {3, 5}}));
  EXPECT_EQ(layers, (std::vector<std::size_t>{0, 0, 0, 0, 1, 1, 1}));
}

TEST(CodedChannels, ArePermutationsThatBeginWithGreen) {
  for (const std::int64_t channels : {1, 2, 3, 4}) {
    std::set<std::int64_t> seen;
    for (std::int64_t c = 0; c < channels; ++c) seen.insert(coded_channel(channels, c));
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(channels));
    EXPECT_EQ(*seen.begin(), 0);
    EXPECT_EQ(*seen.rbegin(), channels - 1);
    EXPECT_EQ(coded_channel(channels, 0), channels >= 3 ? 1 : 0);
  }
  EXPECT_EQ(coded_channel(4, 3), 3);  // alpha stays last
}

}  // namespace
}  // namespace pie

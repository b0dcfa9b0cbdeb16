// Shrinking averages, and what is between known samples is smooth.
#include "lib/image/resample.h"

#include <cstdlib>
#include <vector>

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

constexpr ResampleKernel kKernels[] = {ResampleKernel::kArea, ResampleKernel::kLanczos};

TEST(Shrink, KeepsFlatImages) {
  for (const auto kernel : kKernels) {
    for (const auto& [height, width] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {1, 1}, {1, 30}, {7, 5}, {16, 29}, {17, 30}}) {
      for (const int level : {0, 1, 127, 255}) {
        const Shape small{3, height, width};
        EXPECT_EQ(shrink(flat_image({3, 17, 30}, level), height, width, kernel),
                  flat_image(small, level));
      }
    }
  }
}

TEST(Shrink, ToTheOwnSizeChangesNothing) {
  for (const auto kernel : kKernels) {
    for (const std::int64_t channels : {1, 2, 3, 4}) {
      const auto image = noise_image({channels, 7, 9});
      EXPECT_EQ(shrink(image, 7, 9, kernel), image);
    }
  }
}

TEST(Shrink, AveragesAreaByWholeFactors) {
  for (const auto& [rows, columns] :
       std::vector<std::pair<int, int>>{{1, 2}, {2, 2}, {4, 8}, {3, 3}, {5, 1}, {7, 6}}) {
    const auto image = noise_image({3, 6 * rows, 5 * columns});
    const auto small = shrink(image, 6, 5, ResampleKernel::kArea);
    ASSERT_EQ(small.shape, (Shape{3, 6, 5}));
    for (int y = 0; y < 6; ++y) {
      for (int x = 0; x < 5; ++x) {
        for (int c = 0; c < 3; ++c) {
          int sum = 0;
          for (int i = 0; i < rows * columns; ++i) {
            sum += image.at(y * rows + i / columns, x * columns + i % columns, c);
          }
          // float32 is exact for powers of two, and otherwise off by far less than there is between
          // two averages.
          const int area = rows * columns, rest = 2 * (sum % area) - area;
          const int nearest = sum / area + (rest >= 0 ? 1 : 0);
          const bool tie = rest == 0 && (area & (area - 1)) != 0;
          EXPECT_LE(std::abs(small.at(y, x, c) - nearest), tie ? 1 : 0) << rows << "x" << columns;
        }
      }
    }
  }
}

// Of 3 samples to 2: one and a half each.
TEST(Shrink, SharesSamplesByArea) {
  Image image({1, 1, 3});
  image.samples = {30, 60, 240};
  EXPECT_EQ(shrink(image, 1, 2, ResampleKernel::kArea).samples, (Bytes{40, 180}));
}

// A step stays where it is; the negative lobes of Lanczos reach beyond both of its levels.
TEST(Shrink, StepsStayAndLanczosOvershoots) {
  Image image({1, 1, 48});
  for (int x = 0; x < 48; ++x) image.set(0, x, 0, x < 24 ? 100 : 150);
  const auto area = shrink(image, 1, 12, ResampleKernel::kArea).samples;
  const auto lanczos = shrink(image, 1, 12, ResampleKernel::kLanczos).samples;
  EXPECT_EQ(area, (Bytes{100, 100, 100, 100, 100, 100, 150, 150, 150, 150, 150, 150}));
  EXPECT_LT(lanczos[4], 100);
  EXPECT_GT(lanczos[7], 150);
  for (std::size_t x = 0; x < 12; ++x) EXPECT_EQ(lanczos[x] < 125, x < 6);
}

TEST(Shrink, MirrorImagesShrinkToMirrorImages) {
  const auto image = noise_image({3, 20, 31});
  for (const auto kernel : kKernels) {
    const auto small = shrink(image, 9, 13, kernel);
    const auto mirrored = shrink(flip_horizontal(image), 9, 13, kernel);
    // Sums in another order may round a tie the other way.
    EXPECT_LE(largest_difference(flip_horizontal(small), mirrored), 1);
  }
}

TEST(Warp, ByMapsOfTheGridIsExact) {
  for (const std::int64_t side : {1, 6, 7}) {
    const auto image = noise_image({3, side, side});
    EXPECT_EQ(warp(image, {1, 0, 0, 1}), image);
    EXPECT_EQ(warp(image, {-1, 0, 0, 1}), flip_horizontal(image));
    const auto turned = warp(image, {0, 1, -1, 0});
    for (std::int64_t y = 0; y < side; ++y) {
      for (std::int64_t x = 0; x < side; ++x) {
        EXPECT_EQ(turned.at(y, x, 1), image.at(side - 1 - x, y, 1)) << y << " " << x;
      }
    }
  }
}

// Away from edges, a ramp's warp is the ramp that the map says.
TEST(Warp, RampsStayStraight) {
  Image ramp({1, 21, 25});
  for (int y = 0; y < 21; ++y) {
    for (int x = 0; x < 25; ++x) ramp.set(y, x, 0, 128 + 6 * (x - 12) - 4 * (y - 10));
  }
  const LinearMap map{1.1, -0.2, 0.15, 0.8};
  const auto warped = warp(ramp, map);
  for (int dy = -6; dy <= 6; ++dy) {
    for (int dx = -6; dx <= 6; ++dx) {
      const double expected =
          128 + 6 * (map.xx * dx + map.xy * dy) - 4 * (map.yx * dx + map.yy * dy);
      EXPECT_NEAR(warped.at(10 + dy, 12 + dx), expected, 0.5 + 1e-9);
    }
  }
}

TEST(Warp, KeepsFlatImagesAndRefusesDeepOnes) {
  EXPECT_EQ(warp(flat_image({2, 5, 9}, 255), {1.4, 0.3, -0.2, 0.7}), flat_image({2, 5, 9}, 255));
  EXPECT_THROW(warp(noise_image({1, 4, 4}, 16), {1, 0, 0, 1}), UsageError);
}

TEST(Shrink, RefusesToEnlarge) {
  const auto image = noise_image({3, 8, 9});
  for (const auto kernel : kKernels) {
    for (const auto& [height, width] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{9, 9}, {8, 10}, {0, 9}, {8, -1}}) {
      const auto message =
          message_of<ShapeError>([&, h = height, w = width] { shrink(image, h, w, kernel); });
      EXPECT_TRUE(contains(message, "3x8x9")) << message;
    }
    EXPECT_THROW(shrink(noise_image({3, 8, 9}, 16), 4, 4, kernel), UsageError);
  }
}

// Calls check(step, height, width, known) for noise at every step-th row and column.
template <typename Check>
void for_all_planes(const Check& check) {
  for (const std::int64_t step : {1, 2, 4, 16}) {
    for (const auto& [height, width] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {1, 1}, {1, 23}, {16, 3}, {33, 20}, {40, 64}}) {
      const Shape few{1, (height + step - 1) / step, (width + step - 1) / step};
      check(step, height, width, noise_image(few).samples);
    }
  }
}

TEST(InterpolatedPlanes, KeepKnownSamplesAndFlatOnes) {
  for_all_planes(
      [](std::int64_t step, std::int64_t height, std::int64_t width, const Bytes& known) {
        const auto all = interpolate_plane(known, step, height, width);
        ASSERT_EQ(all.size(), static_cast<std::size_t>(height * width));
        std::size_t next = 0;
        for (std::int64_t y = 0; y < height; y += step) {
          for (std::int64_t x = 0; x < width; x += step) {
            EXPECT_EQ(all[static_cast<std::size_t>(y * width + x)], known.at(next++));
          }
        }
        EXPECT_EQ(next, known.size());
        for (const int level : {0, 1, 255}) {
          const auto flat = static_cast<std::uint8_t>(level);
          EXPECT_EQ(interpolate_plane(Bytes(known.size(), flat), step, height, width),
                    Bytes(all.size(), flat));
        }
      });
}

// Rows and columns are treated alike.
TEST(InterpolatedPlanes, OfTransposesAreTransposes) {
  const auto transposed = [](const Bytes& plane, std::int64_t height, std::int64_t width) {
    Bytes result;
    for (std::int64_t x = 0; x < width; ++x) {
      for (std::int64_t y = 0; y < height; ++y) {
        result.push_back(plane.at(static_cast<std::size_t>(y * width + x)));
      }
    }
    return result;
  };
  for_all_planes(
      [&](std::int64_t step, std::int64_t height, std::int64_t width, const Bytes& known) {
        const auto rows = (height + step - 1) / step, columns = (width + step - 1) / step;
        EXPECT_EQ(interpolate_plane(transposed(known, rows, columns), step, width, height),
                  transposed(interpolate_plane(known, step, height, width), height, width));
      });
}

// A cubic through four samples of a straight line is the line; weights of 12 bits are off by less
// than a quarter of a level.
TEST(InterpolatedPlanes, RampsStayStraight) {
  for (const std::int64_t step : {2, 4, 8}) {
    const std::int64_t count = 6, side = count * step;
    Bytes known;
    for (std::int64_t y = 0; y < count; ++y) {
      for (std::int64_t x = 0; x < count; ++x) {
        known.push_back(static_cast<std::uint8_t>(3 * step * x + 2 * step * y));
      }
    }
    const auto all = interpolate_plane(known, step, side, side);
    for (std::int64_t y = step; y <= (count - 2) * step; ++y) {
      for (std::int64_t x = step; x <= (count - 2) * step; ++x) {
        EXPECT_EQ(all[static_cast<std::size_t>(y * side + x)], 3 * x + 2 * y) << y << " " << x;
      }
    }
  }
}

}  // namespace
}  // namespace pie

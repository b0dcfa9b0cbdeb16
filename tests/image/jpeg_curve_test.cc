// JPEG as a baseline: more bytes buy a better picture, up to nearly all of it.
#include "lib/image/jpeg_curve.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

// A smooth ramp, which JPEG is good at.
ImageSet ramps(int channels) {
  ImageSet images({channels, 16, 16}, 10);
  for (std::size_t i = 0; i < images.size(); ++i) {
    for (std::int64_t k = 0; k < images.shape().elements(); ++k) {
      images.data(i)[k] = static_cast<std::uint8_t>(6 * (k % 16) + 5 * (k / 16 % 16) +
                                                    static_cast<std::int64_t>(i));
    }
  }
  return images;
}

TEST(JpegCurve, RisesWithTheRate) {
  for (const int channels : {1, 3}) {
    const auto curve = jpeg_curve(ramps(channels));
    ASSERT_GE(curve.size(), 5U);
    for (std::size_t i = 1; i < curve.size(); ++i) {
      EXPECT_GT(curve[i].quality, curve[i - 1].quality);
      EXPECT_GE(curve[i].bytes, curve[i - 1].bytes);
    }
    EXPECT_GT(curve.back().psnr_db, curve.front().psnr_db);
    EXPECT_GT(curve.back().psnr_db, 35);
    // 9 of the 10 images make a square.
    EXPECT_DOUBLE_EQ(curve[0].bits_per_dim,
                     8.0 * static_cast<double>(curve[0].bytes) / (9.0 * 256 * channels));
  }
}

TEST(JpegCurve, WhatJpegCannotHoldIsRefused) {
  EXPECT_THROW(jpeg_curve(ImageSet({4, 8, 8}, 4)), UsageError);
}

}  // namespace
}  // namespace pie

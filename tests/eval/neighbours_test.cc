// Nearest neighbours against a search in integers.
#include "lib/eval/neighbours.h"

#include <algorithm>

#include "lib/base/error.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

TEST(Neighbours, AreTheNearest) {
  const auto references = noise_set({1, 4, 5}, 60, 1), queries = noise_set({1, 4, 5}, 300, 1000);
  Bytes labels;
  for (size_t i = 0; i < references.size(); ++i) labels.push_back(static_cast<uint8_t>(i));
  const auto found = nearest_labels(queries, references, labels);
  ASSERT_EQ(found.size(), queries.size());
  for (size_t q = 0; q < queries.size(); ++q) {
    const auto distance = [&](size_t r) {
      int sum = 0;
      for (size_t k = 0; k < 20; ++k) {
        const int d = int{queries.data(q)[k]} - int{references.data(r)[k]};
        sum += d * d;
      }
      return sum;
    };
    int least = distance(0);
    for (size_t r = 1; r < references.size(); ++r) least = std::min(least, distance(r));
    // float32 may take either of two that are as good as equally near.
    EXPECT_LE(distance(found[q]), least + 4) << q;
  }
  EXPECT_EQ(nearest_labels(references, references, labels), labels);
}

TEST(Neighbours, WhatDoesNotFitIsRefused) {
  const auto images = noise_set({1, 4, 5}, 3);
  EXPECT_THROW(nearest_labels(noise_set({1, 5, 4}, 3), images, Bytes(3)), ShapeError);
  EXPECT_THROW(nearest_labels(images, images, Bytes(2)), ShapeError);
}

}  // namespace
}  // namespace pie

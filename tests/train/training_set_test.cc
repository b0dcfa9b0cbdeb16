// Which images are trained on: those that fit, each with its own label, in an order that damaged
// ones do not disturb.
#include "lib/train/training_set.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/image/image_test_files.h"
#include "tests/support/failure.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

constexpr size_t kFiles = 12;
const Shape kShape{1, 8, 8};

class TrainingSets : public TestWithFolder {
 protected:
  // The file of a gray image; `part` of it is there.
  void put_image(size_t i, int height = 8, int width = 8, double part = 1) const {
    const Image image = noise_image({1, height, width}, 8, i + 1);
    const std::string head =
        "P5\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
    Bytes file(head.begin(), head.end());
    const auto size = static_cast<double>(image.samples.size()) * part;
    file.insert(file.end(), image.samples.begin(),
                image.samples.begin() + static_cast<std::ptrdiff_t>(size));
    put("image" + std::to_string(100 + i) + ".pgm", file);
  }
  void put_images() const {
    for (size_t i = 0; i < kFiles; ++i) put_image(i);
  }

  ImageSource source() const {
    SourceOptions options;
    options.lenient = true;
    return ImageSource({folder()}, options);
  }

  static TrainConfig config(int64_t batch) {
    Json preset = tiny_preset(8);
    preset["train"]["batch"] = batch;
    return parse_train_config(preset);
  }
};

// Labels that differ from each other and from the indices.
Bytes some_labels(size_t count) {
  Bytes labels;
  for (size_t i = 0; i < count; ++i) labels.push_back(static_cast<uint8_t>(3 * i + 7));
  return labels;
}

TEST_F(TrainingSets, ImagesKeepTheirLabels) {
  put_images();
  put_image(2, 8, 7);       // does not fit
  put_image(5, 8, 8, 0.5);  // damaged behind its header
  const auto images = source();
  const auto labels = some_labels(kFiles);
  TrainingSet set(images, labels, kShape, config(4), 3);
  EXPECT_EQ(set.size(), kFiles - 1);
  ASSERT_EQ(set.passed_over().size(), 1u);
  EXPECT_EQ(set.passed_over()[0].name, path("image102.pgm"));
  EXPECT_TRUE(contains(set.passed_over()[0].cause, "is 1x8x7, but 1x8x8 is required"));
  std::set<size_t> seen;
  for (int64_t step = 0; step < 6; ++step) {
    for (const bool labelled : {false, true}) {
      const auto batch = set.batch(step, labelled);
      ASSERT_EQ(batch.indices.size(), 4u);
      ASSERT_EQ(batch.labels.size(), labelled ? 4u : 0u);
      for (size_t k = 0; k < 4; ++k) {
        const size_t i = batch.indices[k];
        seen.insert(i);
        EXPECT_EQ(batch.images.image(k), images.load(i)) << i;
        if (labelled) {
          EXPECT_EQ(batch.labels[k], labels[i]) << i;
        }
      }
    }
  }
  EXPECT_EQ(seen, (std::set<size_t>{0, 1, 3, 4, 6, 7, 8, 9, 10, 11}));
  ASSERT_EQ(images.skipped().size(), 1u);
  EXPECT_EQ(images.skipped()[0].name, path("image105.pgm"));
}

// One epoch is one batch.
TEST_F(TrainingSets, TheNextThatCanBeReadStandsInForADamagedOne) {
  put_images();
  const auto order = [&](int64_t epoch) {
    const auto images = source();
    return TrainingSet(images, {}, kShape, config(kFiles), 3).batch(epoch, false).indices;
  };
  std::vector<std::vector<size_t>> whole;
  for (int64_t epoch = 0; epoch < 4; ++epoch) whole.push_back(order(epoch));
  // Two in a row, and one at the end, whose next one is the first.
  const std::set<size_t> damaged{whole[1][3], whole[1][4], whole[1][kFiles - 1]};
  for (const size_t i : damaged) put_image(i, 8, 8, 0.5);
  for (size_t epoch = 0; epoch < 4; ++epoch) {
    const auto& all = whole[epoch];
    std::vector<size_t> expected;
    for (size_t k = 0; k < kFiles; ++k) {
      size_t next = k;
      while (damaged.count(all[next]) > 0) next = (next + 1) % kFiles;
      expected.push_back(all[next]);
    }
    EXPECT_EQ(order(static_cast<int64_t>(epoch)), expected) << epoch;
  }
}

TEST_F(TrainingSets, OnlyTheFirstImagesMayHaveLabels) {
  put_images();
  put_image(1, 9, 8);
  put_image(3, 8, 8, 0.5);
  const auto images = source();
  const auto labels = some_labels(5);
  TrainingSet set(images, labels, kShape, config(4), 3);
  for (int64_t step = 0; step < 5; ++step) {
    const auto batch = set.batch(step, true);
    for (size_t k = 0; k < 4; ++k) {
      EXPECT_TRUE((std::set<size_t>{0, 2, 4}).count(batch.indices[k]) > 0) << batch.indices[k];
      EXPECT_EQ(batch.labels[k], labels[batch.indices[k]]);
    }
  }
}

TEST_F(TrainingSets, PartsOfLargerImagesAreTakenWhereAskedFor) {
  put_images();
  put_image(1, 9, 20);
  put_image(2, 7, 20);
  auto cropping = config(kFiles);
  cropping.crop = true;
  const auto images = source();
  TrainingSet set(images, {}, kShape, cropping, 3);
  EXPECT_EQ(set.size(), kFiles - 1);
  EXPECT_TRUE(contains(set.passed_over()[0].cause, "is 1x7x20, but at least 1x8x8 is required"));
  const auto batch = set.batch(0, false);
  const auto k = std::find(batch.indices.begin(), batch.indices.end(), 1) - batch.indices.begin();
  const Image whole = images.load(1), part = batch.images.image(static_cast<size_t>(k));
  bool found = false;
  for (int y = 0; y <= 1; ++y) {
    for (int x = 0; x <= 12; ++x) found = found || crop(whole, x, y, 8, 8) == part;
  }
  EXPECT_TRUE(found);
}

TEST_F(TrainingSets, BatchesReadAheadAreTheSame) {
  put_images();
  const auto images = source();
  TrainingSet here(images, some_labels(5), kShape, config(4), 3),
      ahead(images, some_labels(5), kShape, config(4), 3);
  BatchesAhead batches(ahead, true, true, 1, 3);
  for (int64_t step = 0; step < 7; ++step) {
    const auto read = batches.take(step);
    if (step % 3 != 1) batches.begin(step + 1);  // and some are read when they are asked for
    for (const bool labelled : {false, true}) {
      const auto& batch = labelled ? *read.labelled : *read.any;
      const auto expected = here.batch(step, labelled, 1, 3);
      EXPECT_EQ(batch.indices, expected.indices);
      EXPECT_EQ(batch.labels, expected.labels);
      for (size_t k = 0; k < 2; ++k) EXPECT_EQ(batch.images.image(k), expected.images.image(k));
    }
  }
}

TEST_F(TrainingSets, WhatReadingAheadMeetsIsThrownWhenItIsTaken) {
  put_images();
  const auto images = source();
  TrainingSet set(images, {}, kShape, config(4), 3);
  BatchesAhead batches(set, true, false, 0, 4);
  for (size_t i = 0; i < kFiles; ++i) put_image(i, 8, 8, 0.5);
  batches.begin(0);
  EXPECT_NE(failure<OperationError>([&] { batches.take(0); }), "no error");
  batches.begin(0);  // and nobody takes it
}

TEST_F(TrainingSets, WithoutAnyImageThereIsNoTraining) {
  put_image(0, 8, 7);
  put_image(1, 8, 7);
  const auto none = source();
  auto message = message_of<ShapeError>([&] { TrainingSet(none, {}, kShape, config(2), 3); });
  EXPECT_TRUE(contains(message, "image100.pgm: is 1x8x7")) << message;
  EXPECT_TRUE(contains(message, "no image fits")) << message;

  put_image(2);
  const auto unlabelled = source();
  message = message_of<ShapeError>(
      [&] { TrainingSet(unlabelled, some_labels(2), kShape, config(2), 3); });
  EXPECT_TRUE(contains(message, "no image that has a label fits")) << message;

  put_image(2, 8, 8, 0.5);
  const auto damaged = source();
  TrainingSet set(damaged, {}, kShape, config(2), 3);
  message = message_of<OperationError>([&] { set.batch(0, false); });
  EXPECT_TRUE(contains(message, "none of the 1 training images can be read")) << message;
  EXPECT_TRUE(contains(message, "image102.pgm")) << message;
}

TEST(Misfits, SayWhatIsAndWhatIsWanted) {
  EXPECT_EQ(misfit({kShape, 8}, kShape, false), "");
  EXPECT_EQ(misfit({kShape, 8}, kShape, true), "");
  EXPECT_EQ(misfit({{1, 9, 30}, 8}, kShape, true), "");
  EXPECT_EQ(misfit({{1, 9, 30}, 8}, kShape, false), "is 1x9x30, but 1x8x8 is required");
  EXPECT_EQ(misfit({{3, 8, 8}, 8}, kShape, true), "is 3x8x8, but at least 1x8x8 is required");
  EXPECT_EQ(misfit({kShape, 16}, kShape, false), "is 16-bit 1x8x8, but 8-bit 1x8x8 is required");
}

}  // namespace
}  // namespace pie

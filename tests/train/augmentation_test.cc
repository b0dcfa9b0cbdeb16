// What becomes of training images on their way into a batch: each time something else, and the same
// whenever it is asked for.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/random.h"
#include "lib/image/image_io.h"
#include "lib/image/jpeg_file.h"
#include "lib/image/resample.h"
#include "lib/image/ycbcr.h"
#include "lib/train/training_set.h"
#include "tests/image/image_test_files.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

constexpr size_t kImages = 12;
constexpr int64_t kEpochs = 3;
constexpr uint64_t kSeed = 3;
const Shape kColours{3, 8, 8}, kGray{1, 8, 8};

// Each image of each epoch, by epoch and index.
using Augmented = std::map<std::pair<int64_t, size_t>, Image>;

class Augmentations : public TestWithFolder {
 protected:
  // Noise, each image its own.
  void put_noise(const Shape& shape) const {
    for (size_t i = 0; i < kImages; ++i) put_image(i, noise_image(shape, 8, i + 1));
  }
  void put_image(size_t i, const Image& image) const {
    put("image" + std::to_string(100 + i) + ".png", encode_image(image, "png"));
  }
  ImageSource source() const { return ImageSource({folder()}); }

  // Without any augmentation but `changes`.
  static TrainConfig config(const Json& changes, int64_t batch = kImages) {
    Json preset = tiny_preset(8);
    preset["train"].update(changes);
    preset["train"]["batch"] = batch;
    return parse_train_config(preset);
  }

  Augmented augmented(const TrainConfig& train, const Shape& shape, uint64_t seed = kSeed,
                      bool backwards = false) const {
    const auto images = source();
    TrainingSet set(images, {}, shape, train, seed);
    const int64_t steps = kEpochs * static_cast<int64_t>(kImages) / train.batch;
    Augmented result;
    for (int64_t k = 0; k < steps; ++k) {
      const int64_t step = backwards ? steps - 1 - k : k;
      const auto batch = set.batch(step, false);
      EXPECT_EQ(batch.images.shape(), shape);
      for (size_t i = 0; i < batch.indices.size(); ++i) {
        const int64_t position = step * train.batch + static_cast<int64_t>(i);
        result[{position / static_cast<int64_t>(kImages), batch.indices[i]}] =
            batch.images.image(i);
      }
    }
    EXPECT_EQ(result.size(), kImages * kEpochs);
    return result;
  }
};

TEST_F(Augmentations, AreFunctionsOfSeedEpochAndIndex) {
  put_noise({3, 20, 31});
  const Json all = {
      {"flip", true},      {"crop", true},       {"shift", 2}, {"smallest_scale", 0.3},
      {"jpeg_share", 0.4}, {"ycbcr_share", 0.4}, {"warp", 0.2}};
  const auto expected = augmented(config(all), kColours);
  EXPECT_EQ(augmented(config(all), kColours), expected);
  EXPECT_EQ(augmented(config(all, 4), kColours), expected);
  EXPECT_EQ(augmented(config(all, 9), kColours, kSeed, true), expected);
  const auto others = augmented(config(all), kColours, kSeed + 1);
  for (size_t i = 0; i < kImages; ++i) {
    EXPECT_NE(expected.at({0, i}), expected.at({1, i})) << i;
    EXPECT_NE(expected.at({0, i}), others.at({0, i})) << i;
  }
}

// As it always was, so that runs go on as they began: the corner and the side come from the first
// three numbers of a stream.
TEST_F(Augmentations, AreCropsAndFlipsUnlessMoreIsAskedFor) {
  put_noise({1, 12, 17});
  const Json plain = {{"flip", true}, {"crop", true}};
  const auto found = augmented(config(plain), kGray);
  Json neutral = plain;
  neutral.update({{"smallest_scale", 1.0}, {"jpeg_share", 0.0}, {"ycbcr_share", 0.0}});
  EXPECT_EQ(augmented(config(neutral), kGray), found);
  constexpr uint64_t kAugmentSeed = 0x61756774;
  const auto images = source();
  for (const auto& [place, image] : found) {
    const auto [epoch, index] = place;
    const CounterRandom random(kSeed ^ kAugmentSeed, static_cast<uint64_t>(epoch) << 40 | index);
    const auto below = [&](uint64_t k, int64_t n) {
      return static_cast<int64_t>(random.uniform(k) * static_cast<float>(n));
    };
    const auto part = crop(images.load(index), below(1, 10), below(0, 5), 8, 8);
    EXPECT_EQ(image, below(2, 2) == 1 ? flip_horizontal(part) : part) << epoch << " " << index;
  }
}

// A ramp of 3 levels a pixel is steeper the more it is shrunk: by 1 to 2.
TEST_F(Augmentations, PartsAreShrunkByRandomFactors) {
  for (size_t i = 0; i < kImages; ++i) {
    Image ramp({1, 20, 80});
    for (int y = 0; y < 20; ++y) {
      for (int x = 0; x < 80; ++x) ramp.set(y, x, 0, 3 * x);
    }
    put_image(i, ramp);
  }
  std::set<int> widths;
  for (const auto& [place, image] :
       augmented(config({{"crop", true}, {"smallest_scale", 0.5}}), kGray)) {
    const int rise = image.at(0, 7) - image.at(0, 0);
    // Of seven steps; both ends are rounded, and Lanczos' kernel is cut where the part ends.
    EXPECT_GE(rise, 7 * 3 - 2);
    EXPECT_LE(rise, 7 * 6 + 2);
    widths.insert(static_cast<int>(std::lround(rise * 8 / (7 * 3.0))));
    // Rows were alike.
    for (int y = 1; y < 8; ++y) {
      for (int x = 0; x < 8; ++x) EXPECT_NEAR(image.at(y, x), image.at(0, x), 1);
    }
  }
  EXPECT_LE(*widths.begin(), 9);
  EXPECT_GE(*widths.rbegin(), 15);
  EXPECT_GE(widths.size(), 5U);
}

// One side as long as the model's leaves nothing to shrink.
TEST_F(Augmentations, SmallImagesAreNotEnlarged) {
  for (const Shape& shape : {kGray, Shape{1, 8, 30}, Shape{1, 30, 8}}) {
    put_noise(shape);
    const auto images = source();
    for (const auto& [place, image] :
         augmented(config({{"crop", true}, {"smallest_scale", 0.3}}), kGray)) {
      const auto whole = images.load(place.second);
      bool found = false;
      for (int64_t y = 0; y <= shape.height - 8; ++y) {
        for (int64_t x = 0; x <= shape.width - 8; ++x) {
          found = found || crop(whole, x, y, 8, 8) == image;
        }
      }
      EXPECT_TRUE(found) << to_string(shape);
    }
  }
}

// The qualities from 50 on that give this image for `whole`; none if it is from no such JPEG file.
std::set<int> qualities(const Image& whole, const Image& image) {
  std::set<int> result;
  for (int quality = 50; quality <= 100; ++quality) {
    const auto file = encode_jpeg(whole, quality);
    if (decode_jpeg({file.data(), file.size(), "x"}, kMaxPixels).image == image) {
      result.insert(quality);
    }
  }
  return result;
}

TEST_F(Augmentations, AShareComesBackFromJpegFiles) {
  for (const Shape& shape : {kColours, kGray}) {
    put_noise(shape);
    const auto images = source();
    std::set<int> seen;
    for (const auto& [place, image] : augmented(config({{"jpeg_share", 1.0}}), shape)) {
      const auto found = qualities(images.load(place.second), image);
      ASSERT_FALSE(found.empty());
      EXPECT_GE(*found.rbegin(), 60);
      EXPECT_LE(*found.begin(), 98);
      seen.insert(*found.begin());
    }
    EXPECT_GE(seen.size(), 10U);
  }
}

TEST_F(Augmentations, AShareComesBackFromYCbCr) {
  put_noise(kColours);
  const auto images = source();
  int halved = 0, whole = 0;
  for (const auto& [place, image] : augmented(config({{"ycbcr_share", 1.0}}), kColours)) {
    const auto original = images.load(place.second);
    const bool half = image == through_ycbcr(original, true);
    EXPECT_TRUE(half || image == through_ycbcr(original, false));
    ++(half ? halved : whole);
  }
  // Each of 36 by a coin: six standard deviations.
  EXPECT_NEAR(halved, whole, 36);
  EXPECT_GT(std::min(halved, whole), 0);
}

TEST_F(Augmentations, GrayImagesHaveNoChroma) {
  put_noise(kGray);
  EXPECT_EQ(augmented(config({{"ycbcr_share", 1.0}}), kGray),
            augmented(config(Json::object()), kGray));
}

// Shares do not overlap: a half each leaves no image as it was.
TEST_F(Augmentations, SharesAddUp) {
  put_noise(kColours);
  const auto images = source();
  int counts[3] = {};  // as they are, JPEG, YCbCr
  for (const auto& [place, image] :
       augmented(config({{"jpeg_share", 0.5}, {"ycbcr_share", 0.5}}), kColours)) {
    const auto original = images.load(place.second);
    const bool ycbcr =
        image == through_ycbcr(original, true) || image == through_ycbcr(original, false);
    ++counts[image == original ? 0 : ycbcr ? 2 : 1];
  }
  EXPECT_EQ(counts[0], 0);
  for (const int k : {1, 2}) EXPECT_NEAR(counts[k], 18, 12);  // four standard deviations
}

}  // namespace
}  // namespace pie

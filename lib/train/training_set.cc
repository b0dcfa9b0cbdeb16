#include "lib/train/training_set.h"

#include <algorithm>
#include <cmath>
#include <system_error>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/random.h"
#include "lib/image/jpeg_file.h"
#include "lib/image/resample.h"
#include "lib/image/ycbcr.h"

namespace pie {
namespace {

// Seeds of the different uses of randomness, so that none reuses another's numbers.
constexpr uint64_t kOrderSeed = 0x6f72646572;
constexpr uint64_t kAugmentSeed = 0x61756774;

bool covers(const Shape& shape, const Shape& part) {
  return shape.channels == part.channels && shape.height >= part.height &&
         shape.width >= part.width;
}

// Random numbers of one image in one epoch, each of which is used for one thing.
class Choices {
 public:
  Choices(uint64_t seed, uint64_t epoch, size_t index)
      : random_(seed ^ kAugmentSeed, epoch << 40 | index) {}
  // Of 0 ... n - 1.
  int64_t below(uint64_t k, int64_t n) const {
    return static_cast<int64_t>(random_.uniform(k) * static_cast<float>(n));
  }
  double between(uint64_t k, double low, double high) const {
    return low + (high - low) * static_cast<double>(random_.uniform(k));
  }

 private:
  CounterRandom random_;
};

// A part of the image in the size of `target`, shrunk to it by a random factor.
Image random_part(const Image& image, const TrainConfig& config, const Shape& target,
                  const Choices& choices) {
  const auto& g = image.shape;
  const double least = std::max({config.smallest_scale,
                                 static_cast<double>(target.height) / static_cast<double>(g.height),
                                 static_cast<double>(target.width) / static_cast<double>(g.width)});
  const double factor = choices.between(5, std::min(1.0, least), 1);
  const auto enlarged = [&](int64_t side, int64_t most) {
    return std::min(most, std::lround(static_cast<double>(side) / factor));
  };
  const auto height = enlarged(target.height, g.height), width = enlarged(target.width, g.width);
  const auto y = choices.below(0, g.height - height + 1);
  const auto x = choices.below(1, g.width - width + 1);
  auto part = crop(image, x, y, width, height);
  if (height == target.height && width == target.width) return part;
  return shrink(part, target.height, target.width,
                choices.below(6, 2) == 1 ? ResampleKernel::kLanczos : ResampleKernel::kArea);
}

// The image as it comes back from lossy storage, a share of the times.
Image worn(Image image, const TrainConfig& config, const Choices& choices) {
  constexpr int kLowestQuality = 60, kHighestQuality = 98;
  const double lot = choices.between(7, 0, 1);
  const bool gray_or_rgb = image.shape.channels % 2 == 1;  // JPEG holds no alpha
  if (gray_or_rgb && lot < config.jpeg_share) {
    const auto quality = kLowestQuality + choices.below(8, kHighestQuality - kLowestQuality + 1);
    const auto file = encode_jpeg(image, static_cast<int>(quality));
    return decode_jpeg({file.data(), file.size(), "JPEG"}, kMaxPixels).image;
  }
  if (image.shape.channels == 3 && lot - config.jpeg_share < config.ycbcr_share) {
    return through_ycbcr(image, choices.below(9, 2) == 1);
  }
  return image;
}

// The augmentations of the training set, a function of (seed, epoch, image index).
Image augment(Image image, const TrainConfig& config, const Shape& target, uint64_t seed,
              uint64_t epoch, size_t index) {
  const Choices choices(seed, epoch, index);
  if (config.crop && covers(image.shape, target)) {
    image = random_part(image, config, target, choices);
  }
  if (config.flip && choices.below(2, 2) == 1) image = flip_horizontal(image);
  if (config.warp > 0) {
    const auto some = [&](uint64_t k) { return choices.between(k, -config.warp, config.warp); };
    image = warp(image, {1 + some(10), some(11), some(12), 1 + some(13)});
  }
  if (config.shift > 0) {
    const int64_t most = config.shift;
    image =
        shift(image, choices.below(3, 2 * most + 1) - most, choices.below(4, 2 * most + 1) - most);
  }
  return worn(std::move(image), config, choices);
}

}  // namespace

std::string misfit(const ImageHeader& header, const Shape& required, bool larger) {
  const bool fits = larger ? covers(header.shape, required) : header.shape == required;
  if (fits && header.bits == 8) return "";
  const bool deep = header.bits != 8;
  return "is " + (deep ? std::to_string(header.bits) + "-bit " : "") + to_string(header.shape) +
         ", but " + (larger ? "at least " : "") + (deep ? "8-bit " : "") + to_string(required) +
         " is required";
}

TrainingSet::TrainingSet(const ImageSource& source, Bytes labels, const Shape& required,
                         const TrainConfig& config, uint64_t seed)
    : source_(source),
      labels_(std::move(labels)),
      required_(required),
      config_(config),
      seed_(seed) {
  for (size_t i = 0; i < source.size(); ++i) {
    const auto cause = misfit(source.header(i), required, config.crop);
    if (cause.empty()) {
      usable_.push_back(i);
      if (i < labels_.size()) ++labelled_;
    } else {
      passed_over_.push_back({source.name(i), source.name(i) + ": " + cause});
    }
  }
  if (usable_.empty() || (labelled_ == 0 && !labels_.empty())) {
    throw ShapeError(passed_over_.front().cause + " (channels x height x width)" +
                     (source.size() == 1 ? ""
                      : usable_.empty()  ? "; no image fits"
                                         : "; no image that has a label fits"));
  }
}

const std::vector<uint32_t>& TrainingSet::order(uint64_t epoch, size_t count) {
  auto& order = orders_[count];
  if (order.images.empty() || order.epoch != epoch) {
    order.epoch = epoch;
    order.images =
        CounterRandom(seed_ ^ kOrderSeed, epoch).permutation(static_cast<uint32_t>(count));
  }
  return order.images;
}

std::pair<size_t, Image> TrainingSet::take(uint64_t position, size_t count) {
  const uint64_t epoch = position / count;
  const auto& images = order(epoch, count);
  for (size_t tried = 0; tried < count; ++tried) {
    const size_t index = usable_[images[(position + tried) % count]];
    if (auto image = source_.try_load(index)) {
      return {index, augment(std::move(*image), config_, required_, seed_, epoch, index)};
    }
  }
  throw OperationError(
      "none of the " + std::to_string(count) +
      " training images can be read; the first failed with: " + source_.skipped().front().cause);
}

TrainingSet::Batch TrainingSet::batch(int64_t step, bool labelled, int64_t first, int64_t last) {
  const size_t count = labelled ? labelled_ : usable_.size();
  Batch batch{ImageSet(required_, static_cast<size_t>(last - first)), {}, {}};
  for (int64_t k = first; k < last; ++k) {
    // Batches run on through the epochs, so that every image is used equally often.
    const auto [index, image] = take(static_cast<uint64_t>(step * config_.batch + k), count);
    // Met only if the file has changed since its header was read.
    const auto cause = misfit({image.shape, image.bits}, required_, false);
    if (!cause.empty()) throw ShapeError(source_.name(index) + ": " + cause);
    interleaved_to_planar(required_, image.samples.data(),
                          batch.images.data(static_cast<size_t>(k - first)));
    batch.indices.push_back(index);
    if (labelled) batch.labels.push_back(labels_[index]);
  }
  return batch;
}

BatchesAhead::Step BatchesAhead::read(int64_t step) const {
  Step result;
  if (any_) result.any = data_.batch(step, false, first_, last_);
  if (labelled_) result.labelled = data_.batch(step, true, first_, last_);
  return result;
}

BatchesAhead::Step BatchesAhead::take(int64_t step) {
  return next_.valid() ? next_.get() : read(step);
}

void BatchesAhead::begin(int64_t step) {
  try {
    next_ = std::async(std::launch::async, [this, step] { return read(step); });
  } catch (const std::system_error&) {
    // The system gives no thread just now; `take` reads it.
  }
}

}  // namespace pie

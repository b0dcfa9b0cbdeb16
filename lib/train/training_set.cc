#include "lib/train/training_set.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/random.h"

namespace pie {
namespace {

// Seeds of the different uses of randomness, so that none reuses another's numbers.
constexpr uint64_t kOrderSeed = 0x6f72646572;
constexpr uint64_t kAugmentSeed = 0x61756774;

bool covers(const Shape& shape, const Shape& part) {
  return shape.channels == part.channels && shape.height >= part.height &&
         shape.width >= part.width;
}

// The augmentations of the training set, a function of (seed, epoch, image index).
Image augment(Image image, const TrainConfig& config, const Shape& target, uint64_t seed,
              uint64_t epoch, size_t index) {
  const CounterRandom random(seed ^ kAugmentSeed, epoch << 40 | index);
  const auto below = [&](uint64_t k, int64_t n) {
    return static_cast<int64_t>(random.uniform(k) * static_cast<float>(n));
  };
  const auto& g = image.shape;
  if (config.crop && covers(g, target)) {
    const auto y = below(0, g.height - target.height + 1);
    const auto x = below(1, g.width - target.width + 1);
    image = crop(image, x, y, target.width, target.height);
  }
  if (config.flip && below(2, 2) == 1) image = flip_horizontal(image);
  if (config.shift > 0) {
    const int64_t most = config.shift;
    image = shift(image, below(3, 2 * most + 1) - most, below(4, 2 * most + 1) - most);
  }
  return image;
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

TrainingSet::Batch TrainingSet::batch(int64_t step, bool labelled) {
  const size_t count = labelled ? labelled_ : usable_.size();
  Batch batch{ImageSet(required_, static_cast<size_t>(config_.batch)), {}, {}};
  for (int64_t k = 0; k < config_.batch; ++k) {
    // Batches run on through the epochs, so that every image is used equally often.
    const auto [index, image] = take(static_cast<uint64_t>(step * config_.batch + k), count);
    // Met only if the file has changed since its header was read.
    const auto cause = misfit({image.shape, image.bits}, required_, false);
    if (!cause.empty()) throw ShapeError(source_.name(index) + ": " + cause);
    interleaved_to_planar(required_, image.samples.data(),
                          batch.images.data(static_cast<size_t>(k)));
    batch.indices.push_back(index);
    if (labelled) batch.labels.push_back(labels_[index]);
  }
  return batch;
}

}  // namespace pie

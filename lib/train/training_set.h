// The images that a model is trained on, and the order in which they are used.
#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/image/image_source.h"
#include "lib/train/train_config.h"

namespace pie {

// Why an image with this header cannot stand where one of 8 bits and shape `required` is wanted,
// such as "is 3x64x64, but 3x128x128 is required"; empty if it can. Where `larger` is true, images
// of more height or width can, because a part of them is taken.
std::string misfit(const ImageHeader& header, const Shape& required, bool larger);

// The images of a source that fit a model, with their labels, in a random order for each epoch.
// Order and augmentation are functions of (seed, position). An image that turns out to be
// unreadable is replaced by the next one in the epoch's order that can be read, so that batches
// depend on the files alone, not on where a run was interrupted.
class TrainingSet {
 public:
  // Looks at the header of every image of `source`, which must outlive the set, and passes over
  // those that do not fit `required` (larger ones do if `config` crops). `labels` are those of the
  // first images of the source. Throws ShapeError if no image is left, or no labelled one although
  // there are labels.
  TrainingSet(const ImageSource& source, Bytes labels, const Shape& required,
              const TrainConfig& config, uint64_t seed);

  size_t size() const { return usable_.size(); }
  // Those that do not fit. What cannot be read is remembered by the source.
  const std::vector<SkippedInput>& passed_over() const { return passed_over_; }

  struct Batch {
    ImageSet images;
    std::vector<size_t> indices;  // of the images in the source
    std::vector<int64_t> labels;  // of a labelled batch
  };
  // Those from `first` to before `last` of the images of a step, augmented: of all that fit, or of
  // those among them that have labels. Throws OperationError if none of them can be read.
  Batch batch(int64_t step, bool labelled, int64_t first, int64_t last);
  Batch batch(int64_t step, bool labelled) { return batch(step, labelled, 0, config_.batch); }

 private:
  // The order of the images in the epoch that was asked for last.
  struct Order {
    uint64_t epoch = 0;
    std::vector<uint32_t> images;
  };
  const std::vector<uint32_t>& order(uint64_t epoch, size_t count);
  // The image at a position in the order of the first `count` images, and its index in the source.
  std::pair<size_t, Image> take(uint64_t position, size_t count);

  const ImageSource& source_;
  Bytes labels_;
  Shape required_;
  TrainConfig config_;
  uint64_t seed_;
  std::vector<size_t> usable_;  // indices in the source, ascending
  size_t labelled_ = 0;         // of these, how many have a label: the first ones
  std::vector<SkippedInput> passed_over_;
  std::map<size_t, Order> orders_;  // by the number of images
};

// Reads the batches of a step while the one before it is trained on.
class BatchesAhead {
 public:
  // Of all images, of those that have labels, or both.
  struct Step {
    std::optional<TrainingSet::Batch> any, labelled;
  };

  // `data` must outlive it. `first` and `last` are of each batch.
  BatchesAhead(TrainingSet& data, bool any, bool labelled, int64_t first, int64_t last)
      : data_(data), any_(any), labelled_(labelled), first_(first), last_(last) {}

  // Waits for it, or reads it now. Throws what TrainingSet::batch throws.
  Step take(int64_t step);
  // Begins to read it on a thread of its own. Until it is taken, `data` is not to be touched.
  void begin(int64_t step);

 private:
  Step read(int64_t step) const;

  TrainingSet& data_;
  bool any_, labelled_;
  int64_t first_, last_;
  std::future<Step> next_;
};

}  // namespace pie

// Training of flows: by maximum likelihood, as classifiers, or as both.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/image/image_source.h"
#include "lib/model/model_file.h"
#include "lib/train/optimizer.h"
#include "lib/train/process_group.h"
#include "lib/train/train_config.h"
#include "lib/train/training_set.h"

namespace pie {

// What one call trains on and until when.
struct TrainRun {
  TrainingSet* data = nullptr;              // as `Trainer::training_set` makes it
  const ImageSource* validation = nullptr;  // may be null
  Bytes validation_labels;                  // empty: no classification error is reported
  ProcessGroup* group = nullptr;  // of the processes that train together; null: this one alone
  bool bfloat16 = false;          // inside the subnetworks; log-dets and losses stay float32
  int64_t stop_at = 0;            // stop at this step although the schedule goes on; 0: never
};

// One line of the training log; validation figures only where `validated`.
struct TrainStatus {
  int64_t step = 0, total_steps = 0;
  double epoch = 0, progress = 0;  // progress of the schedule in [0, 1]
  double bits_per_dim = NAN;       // of this step's batch; log-dets of residual blocks as estimated
  double loss = NAN;               // instead, of a model without a density; per dimension
  double cross_entropy = NAN;      // of this step's labelled batch, nats
  double learning_rate = 0, gradient_norm = 0, elapsed_s = 0, images_per_s = 0;
  bool validated = false;
  double validation_bits_per_dim = NAN;  // of the averaged weights, as are the two below
  double validation_error_percent = NAN;
  double validation_psnr_db = NAN;  // from z alone; NaN where z is everything
};

enum class TrainEnd { kFinished, kStoppedAt, kInterrupted };

// The state of a training run: weights, moments, averaged weights and step. Order of the data,
// noise and augmentation are functions of (seed, step), so this is all that resuming needs.
class Trainer {
 public:
  // Starts from random weights, and trains on `device`. Throws UsageError if the preset is wrong.
  Trainer(const Json& preset, uint64_t seed, torch::Device device = torch::kCPU);

  // Takes over the weights of a trained model, which has no other part in the run. Throws
  // UsageError unless it has the tensors of this configuration, naming the first that differs.
  void start_from(const LoadedModel& trained);

  // Continues a saved run; the preset and seed come from the state. Throws DamagedError,
  // UnsupportedError.
  static Trainer resume(const Bytes& state, const std::string& path,
                        torch::Device device = torch::kCPU);
  Bytes serialize_state() const;

  // Changes the length of the schedule, of which `step()` steps are done: so many steps, or so much
  // time, of which `elapsed_s` of the status has passed.
  void set_steps(int64_t steps);
  void set_time_limit(double seconds);

  // The images of `source`, which must outlive the set, that this model can be trained on. `labels`
  // are of its images: of none for density, of the first ones at least for hybrid. Throws
  // ShapeError if no image fits, UsageError if labels are missing or name a class that the model
  // has not.
  TrainingSet training_set(const ImageSource& source, Bytes labels = {}) const;

  // Reads held-out images once, before hours are spent on what could not be measured. Throws
  // ShapeError if one has not the model's shape (larger ones have if the model codes any size), and
  // what ImageSource::load throws.
  void check_validation(const ImageSource& images) const;

  // Trains until the schedule, `stop_at` or `interrupted()` ends it; checks that only after whole
  // steps. `report` is called after each step. Throws OperationError naming the layer at the first
  // value that is not finite. Whatever it throws, the trainer is where the last whole step left it:
  // it can be saved, and run again.
  TrainEnd run(const TrainRun& run, const std::function<bool()>& interrupted,
               const std::function<void(const TrainStatus&)>& report);

  // The model file with the averaged weights.
  Bytes serialize_averaged_model(const Json& measured) const;

  // Calls `use` while the model holds the averaged weights, certified.
  void with_averaged_weights(const std::function<void(Model&)>& use) const;

  const Json& preset() const { return preset_; }
  const TrainConfig& config() const { return config_; }
  uint64_t seed() const { return seed_; }
  int64_t step() const { return optimizer_->steps; }
  // The precision of the last run; none before the first.
  std::optional<bool> bfloat16() const { return bfloat16_; }
  int64_t parameters() const { return flat_->values.numel(); }
  Model& model() { return *model_; }

 private:
  double progress() const;  // of the schedule; 1 at its end
  // Adds the validation figures of `status` to the curve, which the model file keeps.
  void remember(const TrainStatus& status);
  // A trainer at the place that `json`, a state's text, describes, still with random weights.
  static Trainer from_state(const Json& json, const std::string& path, torch::Device device);
  struct Batch {
    torch::Tensor x;       // [N, C, H, W], dequantized
    torch::Tensor labels;  // [N] int64, undefined without labels
  };
  struct Loss {
    double nats_per_dim = 0, cross_entropy = 0;  // means over the batch
  };
  // Which images of each batch this process takes.
  struct Range {
    int64_t first, last;
  };
  // The images of a batch as the model takes them.
  Batch tensors(const TrainingSet::Batch& chosen, int64_t step) const;
  // Adds the validation figures to `status`.
  void validate(const TrainRun& run, TrainStatus& status) const;
  // Adds the gradient of the loss to the replicas', each on a thread of its own with an equal share
  // of the batches' images in `range`: `dense` for the likelihood, `labelled` for the
  // cross-entropy, each of which may be empty. Returns that share of the loss.
  Loss differentiate(const Batch& dense, const Batch& labelled, int64_t step, Range range);
  // Readies model and replicas for the next step; returns what this process takes of each batch.
  Range prepare(const TrainRun& run);
  // Gives all processes of a run the same start, and this one its range. Throws UsageError if they
  // are not of the same run.
  Range start_with(ProcessGroup& group, const TrainRun& run);
  // One clock, the first one's, and one end: returns whether one of them stops.
  bool agree(ProcessGroup& group, bool stops);
  // The loss of all processes.
  static Loss sum_over(ProcessGroup& group, const Loss& loss);
  [[noreturn]] void report_not_finite(const torch::Tensor& x, double loss, double norm);

  Json preset_;
  TrainConfig config_;
  uint64_t seed_;
  torch::Device device_;
  double elapsed_s_ = 0;
  double time_limit_s_ = 0;     // the schedule spans this time instead of the steps; 0: steps count
  Json curve_ = Json::array();  // one object for each validation
  int64_t images_ = 0;          // in the training set
  bool initialized_ = false;    // the weights come from a trained model
  std::optional<bool> bfloat16_;
  std::shared_ptr<Model> model_;
  std::vector<std::shared_ptr<Model>> replicas_;  // of model_, which is the first; same weights
  std::unique_ptr<FlatParameters> flat_;
  std::unique_ptr<Optimizer> optimizer_;
};

}  // namespace pie

// Maximum-likelihood training of a PIE.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/image/image_source.h"
#include "lib/model/model_file.h"
#include "lib/train/evaluation.h"
#include "lib/train/optimizer.h"
#include "lib/train/train_config.h"

namespace pie {

// What one call trains on and until when.
struct TrainRun {
  const ImageSource* data = nullptr;
  const ImageSource* validation = nullptr;  // may be null
  bool bfloat16 = false;    // inside the subnetworks; log-dets and losses stay float32
  int64_t stop_at = 0;      // stop at this step although the schedule goes on; 0: never
  double time_limit_s = 0;  // the schedule spans this time instead of the steps; 0: steps count
};

// One line of the training log; validation figures only where `validated`.
struct TrainStatus {
  int64_t step = 0, total_steps = 0;
  double epoch = 0, progress = 0;  // progress of the schedule in [0, 1]
  double bits_per_dim = 0;         // of this step's batch, exact on its dequantization
  double learning_rate = 0, gradient_norm = 0, elapsed_s = 0, images_per_s = 0;
  bool validated = false;
  double validation_bits_per_dim = 0;  // of the averaged weights
  double validation_psnr_db = NAN;     // from z alone; NaN where z is everything
};

enum class TrainEnd { kFinished, kStoppedAt, kInterrupted };

// The state of a training run: weights, moments, averaged weights and step. Order of the data,
// noise and augmentation are functions of (seed, step), so this is all that resuming needs.
class Trainer {
 public:
  // Starts from random weights. Throws UsageError if the preset is wrong.
  Trainer(const Json& preset, uint64_t seed);

  // Continues a saved run; the preset and seed come from the state. Throws DamagedError,
  // UnsupportedError.
  static Trainer resume(const Bytes& state, const std::string& path);
  Bytes serialize_state() const;

  // Changes the length of the schedule, of which `step()` steps are done.
  void set_steps(int64_t steps);

  // Trains until the schedule, `stop_at` or `interrupted()` ends it; checks that only after whole
  // steps. `report` is called after each step. Throws OperationError naming the layer at the first
  // value that is not finite; the weights are then those before the failing step.
  TrainEnd run(const TrainRun& run, const std::function<bool()>& interrupted,
               const std::function<void(const TrainStatus&)>& report);

  // The model file with the averaged weights.
  Bytes serialize_averaged_model(const Json& measured) const;

  // Calls `use` while the model holds the averaged weights, certified.
  void with_averaged_weights(const std::function<void(FlowModel&)>& use) const;

  const Json& preset() const { return preset_; }
  const TrainConfig& config() const { return config_; }
  uint64_t seed() const { return seed_; }
  int64_t step() const { return adam_->steps; }
  int64_t parameters() const { return flat_->values.numel(); }
  FlowModel& model() { return *model_; }

 private:
  // A trainer at the place that `json`, a state's text, describes, still with random weights.
  static Trainer from_state(const Json& json, const std::string& path);
  torch::Tensor batch(const TrainRun& run, int64_t step);
  // Adds the gradient of the loss, nats per dimension, of the batch `x` to the replicas', each on a
  // thread of its own with an equal share of the batch; returns the loss.
  double differentiate(const torch::Tensor& x, int64_t step);
  [[noreturn]] void report_not_finite(const torch::Tensor& x, double loss, double norm);

  Json preset_;
  TrainConfig config_;
  uint64_t seed_;
  double elapsed_s_ = 0;
  int64_t images_ = 0;           // in the training set
  std::vector<uint32_t> order_;  // of the images in epoch `order_epoch_`
  uint64_t order_epoch_ = 0;
  std::shared_ptr<FlowModel> model_;
  std::vector<std::shared_ptr<FlowModel>> replicas_;  // of model_, which is the first; same weights
  std::unique_ptr<FlatParameters> flat_;
  std::unique_ptr<Adam> adam_;
};

}  // namespace pie

#include "lib/train/trainer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/format_version.h"
#include "lib/eval/classification.h"
#include "lib/eval/likelihood.h"
#include "lib/eval/reconstruction.h"
#include "lib/model/architecture.h"
#include "lib/model/pixels.h"
#include "lib/model/safetensors.h"
#include "lib/numerics/batches.h"
#include "lib/train/gradient_exchange.h"

namespace pie {
namespace {

// Seeds of the different uses of randomness, so that none reuses another's numbers.
constexpr uint64_t kNoiseSeed = 0x6e6f697365;
constexpr uint64_t kProbeSeed = 0x70726f6265;

// Between two calibrations of the power iterations against the certificate.
constexpr int64_t kCertifyEvery = 200;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The number type inside the subnetworks, for the length of a scope and after it.
class Bfloat16Subnets {
 public:
  using Models = std::vector<std::shared_ptr<Model>>;
  Bfloat16Subnets(const Models& models, bool here, bool after) : models_(models), after_(after) {
    set(here);
  }
  ~Bfloat16Subnets() { set(after_); }
  Bfloat16Subnets(const Bfloat16Subnets&) = delete;
  Bfloat16Subnets& operator=(const Bfloat16Subnets&) = delete;

 private:
  void set(bool on) const {
    for (const auto& model : models_) model->set_bfloat16_subnets(on);
  }

  const Models& models_;
  bool after_;
};

}  // namespace

Trainer::Trainer(const Json& preset, uint64_t seed, torch::Device device)
    : preset_(preset), config_(parse_train_config(preset)), seed_(seed), device_(device) {
  torch::manual_seed(seed);
  model_ = make_model(preset);
  require_fit(config_, *model_);
  model_->to(device_);
  replicas_ = {model_};
  flat_ = std::make_unique<FlatParameters>(*model_);
  OptimizerOptions options;
  options.clip_norm = config_.clip_norm;
  options.ema_decay = config_.ema_decay;
  options.muon = config_.optimizer == "muon";
  options.weight_decay = config_.weight_decay;
  optimizer_ = std::make_unique<Optimizer>(*flat_, options);
}

Trainer Trainer::from_state(const Json& json, const std::string& path, torch::Device device) {
  try {
    const ConfigSection state(json, "state",
                              {"preset", "seed", "step", "images", "elapsed_s", "time_limit_s",
                               "bfloat16", "initialized", "curve"});
    Trainer trainer(state.get<Json>("preset"), state.get<uint64_t>("seed"), device);
    constexpr int64_t kMost = int64_t{1} << 40;
    trainer.optimizer_->steps = state.integer("step", 0, kMost);
    trainer.images_ = state.integer("images", 0, kMost);
    trainer.elapsed_s_ = state.number("elapsed_s", 0, 1e12);
    if (state.has("time_limit_s")) trainer.time_limit_s_ = state.number("time_limit_s", 0, 1e12);
    if (state.has("curve")) trainer.curve_ = state.get<Json::array_t>("curve");
    if (state.has("bfloat16")) trainer.bfloat16_ = state.get<bool>("bfloat16");
    trainer.initialized_ = state.has("initialized") && state.get<bool>("initialized");
    return trainer;
  } catch (const UsageError& error) {
    throw DamagedError(path + ": " + error.what());
  }
}

Trainer Trainer::resume(const Bytes& state, const std::string& path, torch::Device device) {
  const auto file = parse_tensors(state, path);
  try {
    kStateFormat.check(file.text("format", path));
  } catch (const UnsupportedError& error) {
    throw UnsupportedError(path + ": " + error.what() + "; give the .state file of a training");
  }
  auto trainer = from_state(parse_json(file.text("state", path)), path, device);
  const auto read = [&](const std::string& name, const torch::Tensor& target) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end() || found->second.sizes() != target.sizes()) {
      throw DamagedError(path + ": its tensor '" + name + "' does not fit its configuration");
    }
    torch::NoGradGuard no_grad;
    target.copy_(found->second);
  };
  read("values", trainer.flat_->values);
  read("first_moment", trainer.optimizer_->first_moment);
  read("second_moment", trainer.optimizer_->second_moment);
  read("average", trainer.optimizer_->average);
  for (const auto& [name, buffer] : trainer.flat_->buffers) read("buffer." + name, buffer);
  return trainer;
}

Bytes Trainer::serialize_state() const {
  Json info = {{"preset", preset_}, {"seed", seed_},           {"step", optimizer_->steps},
               {"images", images_}, {"elapsed_s", elapsed_s_}, {"time_limit_s", time_limit_s_},
               {"curve", curve_}};
  if (bfloat16_) info["bfloat16"] = *bfloat16_;
  if (initialized_) info["initialized"] = true;
  std::map<std::string, torch::Tensor> tensors{{"values", flat_->values},
                                               {"first_moment", optimizer_->first_moment},
                                               {"second_moment", optimizer_->second_moment},
                                               {"average", optimizer_->average}};
  for (const auto& [name, buffer] : flat_->buffers) tensors["buffer." + name] = buffer;
  return serialize_tensors({{{"format", kStateFormat.text()}, {"state", info.dump()}}, tensors});
}

void Trainer::start_from(const LoadedModel& trained) {
  const auto ours = model_->named_parameters(), theirs = trained.model->named_parameters();
  const auto describe = [](const torch::Tensor* tensor) {
    return tensor == nullptr ? "missing" : c10::str(tensor->sizes());
  };
  const auto require_same = [&](const std::string& name) {
    const auto *own = ours.find(name), *other = theirs.find(name);
    if (own != nullptr && other != nullptr && own->sizes() == other->sizes()) return;
    throw UsageError("the model " + trained.name() + " has another configuration: its " + name +
                     " is " + describe(other) + ", here " + describe(own) +
                     "; leave the preset out to train with the model's own");
  };
  for (const auto& item : ours) require_same(item.key());
  for (const auto& item : theirs) require_same(item.key());
  torch::NoGradGuard no_grad;
  for (const auto& item : ours) item.value().copy_(theirs[item.key()]);
  optimizer_->average.copy_(flat_->values);
  initialized_ = true;
}

void Trainer::set_steps(int64_t steps) {
  preset_["train"]["steps"] = steps;
  config_ = parse_train_config(preset_);
  time_limit_s_ = 0;
}

void Trainer::set_time_limit(double seconds) { time_limit_s_ = seconds; }

double Trainer::progress() const {
  return time_limit_s_ > 0 ? elapsed_s_ / time_limit_s_
                           : static_cast<double>(step()) / static_cast<double>(config_.steps);
}

TrainingSet Trainer::training_set(const ImageSource& source, Bytes labels) const {
  if (config_.task != "density") {
    const bool some = config_.task == "hybrid";
    if (labels.empty() || (!some && labels.size() != source.size())) {
      throw UsageError("the task " + config_.task + " needs a label for " +
                       (some ? "some" : "each") + " training image");
    }
    if (config_.labelled > 0 && config_.labelled < static_cast<int64_t>(labels.size())) {
      labels.resize(static_cast<size_t>(config_.labelled));
    }
    for (size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] >= model_->classes()) {
        throw UsageError(source.name(i) + ": has label " + std::to_string(labels[i]) +
                         ", the model has " + std::to_string(model_->classes()) + " classes");
      }
    }
  }
  return TrainingSet(source, std::move(labels), model_->input_shape(), config_, seed_);
}

void Trainer::check_validation(const ImageSource& images) const {
  const auto required = model_->input_shape();
  for (size_t i = 0; i < images.size(); ++i) {
    const auto cause = misfit(images.header(i), required, model_->any_size());
    if (!cause.empty()) throw ShapeError(images.name(i) + ": " + cause);
    images.load(i);
  }
}

Trainer::Batch Trainer::tensors(const TrainingSet::Batch& chosen, int64_t step) const {
  const bool labelled = !chosen.labels.empty();
  Batch result;
  // Classes are told from the samples themselves, as in evaluation; densities need the noise.
  result.x = model_->discrete() || labelled
                 ? to_unit(chosen.images)
                 : dequantize(chosen.images, chosen.indices, seed_ ^ kNoiseSeed,
                              static_cast<uint64_t>(step));
  result.x = result.x.to(device_);
  if (labelled) result.labels = torch::tensor(chosen.labels).to(device_);
  return result;
}

Trainer::Range Trainer::prepare(const TrainRun& run) {
  images_ = static_cast<int64_t>(run.data->size());
  if (optimizer_->steps == 0 && !initialized_) {
    model_->initialize(tensors(run.data->batch(0, false), 0).x);
  }
  const Range range = run.group != nullptr ? start_with(*run.group, run) : Range{0, config_.batch};
  if (optimizer_->steps == 0) optimizer_->average.copy_(flat_->values);
  const auto threads = std::clamp<int64_t>(range.last - range.first, 1, at::get_num_threads());
  while (static_cast<int64_t>(replicas_.size()) < threads) {
    replicas_.push_back(make_model(preset_));
    replicas_.back()->to(device_);
    flat_->add_replica(*replicas_.back());
  }
  // Left by a step that failed.
  for (auto& gradient : flat_->gradients) gradient.zero_();
  for (const auto& replica : replicas_) replica->set_recompute(config_.recompute);
  return range;
}

TrainEnd Trainer::run(const TrainRun& run, const std::function<bool()>& interrupted,
                      const std::function<void(const TrainStatus&)>& report) {
  ProcessGroup* const group = run.group;
  const Range range = prepare(run);
  const double elapsed_before = elapsed_s_;
  const int64_t first_step = optimizer_->steps;
  const auto start = std::chrono::steady_clock::now();
  bfloat16_ = run.bfloat16;
  const Bfloat16Subnets precision(replicas_, run.bfloat16, false);

  const bool density = config_.task != "classify", classes = config_.task != "density";
  std::optional<GradientExchange> exchange;
  if (group != nullptr) exchange.emplace(*flat_, replicas_, *group);
  BatchesAhead batches(*run.data, density, classes, range.first, range.last);
  for (;;) {
    const int64_t step = optimizer_->steps;
    const bool stops = group != nullptr ? agree(*group, interrupted()) : interrupted();
    const double done = progress();
    if (done >= 1) return TrainEnd::kFinished;
    if (run.stop_at > 0 && step >= run.stop_at) return TrainEnd::kStoppedAt;
    if (stops) return TrainEnd::kInterrupted;
    Batch dense, labelled;
    {
      const auto read = batches.take(step);
      if (density) dense = tensors(*read.any, step);
      if (classes) labelled = tensors(*read.labelled, step);
    }
    // Not beyond the end: images that cannot be read are told of when they are met.
    if (step + 1 != run.stop_at && (time_limit_s_ > 0 || step + 1 < config_.steps)) {
      batches.begin(step + 1);
    }
    auto loss = differentiate(dense, labelled, step, range);
    if (exchange) {
      exchange->finish();
      loss = sum_over(*group, loss);
    }
    for_each_on_one_thread(replicas_.size(),
                           [&](size_t replica) { replicas_[replica]->project_gradients(); });
    const double sum = loss.nats_per_dim + loss.cross_entropy;

    TrainStatus status;
    status.learning_rate = learning_rate(config_, step, done);
    status.gradient_norm = std::isfinite(sum) ? optimizer_->step(status.learning_rate) : sum;
    if (!std::isfinite(status.gradient_norm)) {
      report_not_finite(density ? dense.x : labelled.x, sum, status.gradient_norm);
    }
    model_->constrain(optimizer_->steps % kCertifyEvery == 0);

    elapsed_s_ = elapsed_before + seconds_since(start);
    status.step = optimizer_->steps;
    status.total_steps = config_.steps;
    status.progress = progress();
    status.epoch = static_cast<double>(status.step * config_.batch) / static_cast<double>(images_);
    if (density && model_->has_density()) {
      status.bits_per_dim = 8 + loss.nats_per_dim / std::log(2.0);
    } else if (density) {
      status.loss = loss.nats_per_dim;
    }
    if (classes) status.cross_entropy = loss.cross_entropy;
    status.elapsed_s = elapsed_s_;
    status.images_per_s = static_cast<double>((status.step - first_step) * config_.batch) /
                          std::max(1e-9, elapsed_s_ - elapsed_before);
    if (run.validation != nullptr && status.step % config_.validate_every == 0 &&
        (group == nullptr || group->is_first())) {
      validate(run, status);
      remember(status);
    }
    report(status);
  }
}

void Trainer::validate(const TrainRun& run, TrainStatus& status) const {
  status.validated = true;
  const Bfloat16Subnets float32(replicas_, false, run.bfloat16);
  with_averaged_weights([&](Model& model) {
    if (config_.task != "classify") {
      if (model.has_density()) {
        status.validation_bits_per_dim =
            evaluate_likelihood(model, *run.validation, seed_, 1).bits_per_dim;
      }
      if (model.residuals() > 0) {
        status.validation_psnr_db = reconstruction_psnr(model, *run.validation, 1000);
      }
    }
    if (!run.validation_labels.empty()) {
      status.validation_error_percent =
          classification_error(model, *run.validation, run.validation_labels);
    }
  });
}

void Trainer::remember(const TrainStatus& status) {
  Json point = {{"step", status.step}};  // no times: the same run gives the same file
  const auto keep = [&](const char* key, double value) {
    if (std::isfinite(value)) point[key] = value;
  };
  keep("held_out_bits_per_dim", status.validation_bits_per_dim);
  keep("held_out_psnr_db_from_z", status.validation_psnr_db);
  keep("held_out_error_percent", status.validation_error_percent);
  curve_.push_back(point);
}

Trainer::Loss Trainer::differentiate(const Batch& dense, const Batch& labelled, int64_t step,
                                     Range range) try {
  const auto replicas = static_cast<int64_t>(replicas_.size());
  std::vector<Loss> losses(replicas_.size());
  // One level of parallelism, around everything: a step has a thousand small operations, of which
  // no single one is worth waking another thread for.
  for_each_on_one_thread(replicas_.size(), [&](size_t replica) {
    const auto i = static_cast<int64_t>(replica);
    auto& model = *replicas_[replica];
    auto& loss = losses[replica];
    const int64_t all = range.last - range.first;
    const int64_t first = all * i / replicas, last = all * (i + 1) / replicas;
    if (first == last) return;
    const double share = 1.0 / static_cast<double>(config_.batch);
    if (dense.x.defined()) {
      auto how = config_.log_det;
      how.seed = seed_ ^ kProbeSeed;
      for (int64_t k = first; k < last; ++k) {
        how.keys.push_back(static_cast<uint64_t>(step * config_.batch + range.first + k));
      }
      const auto x = dense.x.slice(0, first, last);
      const double dims = static_cast<double>(model.input_shape().elements());
      const auto nats = model.log_likelihood(x, how).total().sum() * (-share / dims);
      auto weighed = nats;
      if (config_.mse_weight > 0) {
        const auto error = (model.reconstruct(x) - x).square().sum() * (share / dims);
        weighed = weighed + error * config_.mse_weight;
      }
      weighed.backward();
      loss.nats_per_dim = nats.item<double>();
    }
    if (labelled.x.defined()) {
      const auto entropy =
          torch::nll_loss(torch::log_softmax(model.logits(labelled.x.slice(0, first, last)), 1),
                          labelled.labels.slice(0, first, last), {}, at::Reduction::Sum) *
          share;
      (dense.x.defined() ? entropy * config_.class_weight : entropy).backward();
      loss.cross_entropy = entropy.item<double>();
    }
  });
  Loss total;
  for (const auto& loss : losses) {
    total.nats_per_dim += loss.nats_per_dim;
    total.cross_entropy += loss.cross_entropy;
  }
  return total;
} catch (const ConvergenceError& error) {
  throw OperationError("training stopped at step " + std::to_string(step + 1) + ": " +
                       error.what() + "; start again with a lower learning rate");
}

Trainer::Range Trainer::start_with(ProcessGroup& group, const TrainRun& run) {
  group.require_same(Json{preset_, seed_, step(), time_limit_s_, images_, run.stop_at, run.bfloat16,
                          run.validation != nullptr, group.size()}
                         .dump());
  // Other processors may have rounded the same start in another way.
  group.share(flat_->values);
  for (auto& [name, buffer] : flat_->buffers) group.share(buffer);
  return {config_.batch * group.rank() / group.size(),
          config_.batch * (group.rank() + 1) / group.size()};
}

bool Trainer::agree(ProcessGroup& group, bool stops) {
  // A sum to which only the first one gives its time, and each its wish.
  auto told = torch::tensor({group.is_first() ? elapsed_s_ : 0, stops ? 1.0 : 0}, torch::kFloat64);
  group.sum(told);
  elapsed_s_ = told[0].item<double>();
  return told[1].item<double>() > 0;
}

Trainer::Loss Trainer::sum_over(ProcessGroup& group, const Loss& loss) {
  const auto sums = torch::tensor({loss.nats_per_dim, loss.cross_entropy}, torch::kFloat64);
  group.sum(sums);
  return {sums[0].item<double>(), sums[1].item<double>()};
}

void Trainer::report_not_finite(const torch::Tensor& x, double loss, double norm) {
  std::string where;
  if (!std::isfinite(loss)) {
    torch::NoGradGuard no_grad;
    where = "the output of " + model_->first_not_finite(x);
  } else {
    const auto bad = (~torch::isfinite(flat_->gradients[0])).nonzero();
    where = bad.numel() > 0 ? "the gradient of " + flat_->name_at(bad[0].item<int64_t>())
                            : "the gradient's norm (" + std::to_string(norm) + ")";
  }
  throw OperationError("training stopped at step " + std::to_string(optimizer_->steps + 1) + ": " +
                       where +
                       " is not finite; start again with a lower learning rate, or a smaller "
                       "scale_clamp of couplings");
}

void Trainer::with_averaged_weights(const std::function<void(Model&)>& use) const {
  torch::NoGradGuard no_grad;
  // Puts the training weights, and what certifying does to buffers, back however `use` ends.
  struct Restore {
    FlatParameters& flat;
    torch::Tensor values;
    std::map<std::string, torch::Tensor> buffers;
    ~Restore() {
      flat.values.copy_(values);
      for (auto& [name, buffer] : buffers) flat.buffers.at(name).copy_(buffer);
    }
  } restore{*flat_, flat_->values.clone(), {}};
  for (const auto& [name, buffer] : flat_->buffers) restore.buffers[name] = buffer.clone();
  if (config_.ema_decay > 0) flat_->values.copy_(optimizer_->average);
  model_->certify();
  use(*model_);
}

Bytes Trainer::serialize_averaged_model(const Json& measured) const {
  const Json training = {
      {"steps", optimizer_->steps}, {"seed", seed_}, {"images", images_}, {"curve", curve_}};
  Bytes bytes;
  with_averaged_weights(
      [&](Model& model) { bytes = serialize_model(model, preset_, training, measured); });
  return bytes;
}

}  // namespace pie

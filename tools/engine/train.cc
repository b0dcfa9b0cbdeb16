// The second half of pie-train: data and preset to model, log and training state.
#include <chrono>
#include <cmath>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/used_files.h"
#include "lib/eval/classification.h"
#include "lib/eval/likelihood.h"
#include "lib/eval/reconstruction.h"
#include "lib/model/model_store.h"
#include "lib/store/model_header.h"
#include "lib/train/trainer.h"
#include "tools/common/files.h"
#include "tools/common/run_main.h"
#include "tools/engine/commands.h"
#include "tools/engine/device.h"
#include "tools/engine/progress.h"
#include "tools/pie_train.h"

namespace pie {
namespace {

// "90s", "30m", "2h" or plain seconds, the value of `option`.
double parse_seconds(const std::string& option, const std::string& text) {
  size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const std::string unit = text.substr(used);
  const double factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (used == 0 || factor == 0 || !(value > 0)) {
    throw UsageError(option + " takes a time such as 90s, 30m or 2h, not '" + text + "'");
  }
  return value * factor;
}

// `initial`: the model that training starts from, if any.
Json preset_for(const TrainOptions& options, const std::optional<LoadedModel>& initial) {
  Json preset;
  if (!options.preset.empty()) {
    preset = find_preset(options.preset);
  } else if (options.config.empty()) {
    preset = initial->preset;
  } else {
    preset = read_preset(options.config);
  }
  for (const auto& assignment : options.set) set_value(preset, assignment);
  if (!preset.value("name", Json("")).is_string()) {
    throw UsageError("configuration: 'name' must be text");
  }
  auto& train = preset["train"];
  if (!train.is_object()) throw UsageError("configuration: 'train' must be an object");
  if (options.batch > 0) train["batch"] = options.batch;
  if (options.lr > 0) train["lr"] = options.lr;
  if (!options.task.empty()) train["task"] = options.task;
  if (options.steps > 0) train["steps"] = options.steps;
  return preset;
}

Trainer trainer_for(const CommonOptions& common, const TrainOptions& options,
                    torch::Device device) {
  if (!options.resume.empty()) {
    return Trainer::resume(read_model_file(Input(options.resume)), options.resume, device);
  }
  std::optional<LoadedModel> initial;
  if (!options.init.empty()) initial = find_model(options.init);
  Trainer trainer(preset_for(options, initial), common.seed, device);
  if (initial) trainer.start_from(*initial);
  return trainer;
}

// Warnings of inputs that are passed over: the first few in full, the others as a number.
class PassedOver {
 public:
  void add(const SkippedInput& input) {
    if (++count_ > kShown) return;
    warn_of(input);
  }
  // Says how many more there were since the last call.
  void count_the_rest() {
    if (count_ > kShown) log_warning(std::to_string(count_ - kShown) + " more passed over");
    count_ = 0;
  }

 private:
  static constexpr int64_t kShown = 5;
  int64_t count_ = 0;
};

// The files of a run: the averaged model, and beside it the state.
class Results {
 public:
  // Refuses before hours of work, not after them: throws OperationError if one of the files cannot
  // be written, or exists and is not that of the run that goes on.
  Results(const TrainOptions& options, bool is_first, OutputPaths& paths)
      : model_(options.output),
        state_(options.output + ".state"),
        writes_(!options.dry_run && is_first) {
    const bool goes_on = same_file(options.resume, state_), replace = options.force || goes_on;
    if (!writes_) return;
    if (goes_on) forget_used_file(state_);
    paths.claim(model_, "the training");
    if (!goes_on) paths.claim(state_, "the training's state");
    for (const auto& path : {model_, state_}) OutputFile probe(path, replace);
  }

  const std::string& state() const { return state_; }

  void save_model(const Trainer& trainer, const Json& measured) const {
    if (writes_) write(model_, trainer.serialize_averaged_model(measured));
  }

  // Writes both, one although the other fails; then throws the failure.
  void save(const Trainer& trainer) const {
    std::exception_ptr failure;
    for (const bool state : {true, false}) {
      try {
        if (!state) save_model(trainer, Json::object());
        if (state && writes_) write(state_, trainer.serialize_state());
      } catch (const std::exception&) {
        if (!failure) failure = std::current_exception();
      }
    }
    if (failure) std::rethrow_exception(failure);
  }

 private:
  static void write(const std::string& path, const Bytes& bytes) {
    forget_used_file(path);  // what it is now is an earlier state of this training
    OutputFile file(path, true);
    file.write(bytes);
    file.commit();
  }

  std::string model_, state_;
  bool writes_;
};

// The log file, and the status line.
class TrainingLog {
 public:
  TrainingLog(bool shows_progress, const std::string& log_path)
      : shows_progress_(shows_progress), log_path_(log_path) {
    if (log_path.empty()) return;
    refuse_used_file(log_path);
    log_.open(log_path, std::ios::app);
    if (!log_) throw OperationError(log_path + ": cannot be written");
    remember_used_file(log_path);
  }
  ~TrainingLog() { show_status(""); }

  void show(const TrainStatus& s) {
    if (status_requested()) log_note(state_text(s));
    if (shows_progress_ && (s.validated || s.elapsed_s - shown_at_ > 0.5)) {
      shown_at_ = s.elapsed_s;
      show_status(state_text(s));
    }
    bits_ += s.bits_per_dim;
    loss_ += s.loss;
    entropy_ += s.cross_entropy;
    ++count_;
    if (s.step % kLogEvery != 0 && !s.validated && s.progress < 1) return;
    Json line = {{"step", s.step},
                 {"epoch", s.epoch},
                 {"elapsed_s", s.elapsed_s},
                 {"lr", s.learning_rate},
                 {"grad_norm", s.gradient_norm},
                 {"images_per_s", s.images_per_s}};
    // A figure that the task does not have is NaN, and left out.
    const auto keep = [&](const char* key, double value) {
      if (std::isfinite(value)) line[key] = value;
    };
    keep("train_bits_per_dim", bits_ / static_cast<double>(count_));
    keep("train_loss_per_dim", loss_ / static_cast<double>(count_));
    keep("train_cross_entropy", entropy_ / static_cast<double>(count_));
    bits_ = loss_ = entropy_ = 0;
    count_ = 0;
    if (s.validated) {
      keep("val_bits_per_dim", s.validation_bits_per_dim);
      keep("val_psnr_db_from_z", s.validation_psnr_db);
      keep("val_error_percent", s.validation_error_percent);
      const std::string figures =
          figure(", %.4f bits/dim", s.validation_bits_per_dim) +
          figure(", %.2f dB from z alone", s.validation_psnr_db) +
          figure(", %.2f %% classified wrongly", s.validation_error_percent);
      log_note("step " + std::to_string(s.step) + " (" + clock_text(s.elapsed_s) + "): held-out" +
               (figures.empty() ? figures : figures.substr(1)));
    }
    if (log_.is_open() && !(log_ << line.dump() << std::endl)) {
      log_error(log_path_, "cannot be written; training goes on without it");
      log_.close();
      lost_ = true;
    }
  }

  // Whether lines of the log are missing.
  bool lost() const { return lost_; }

 private:
  static constexpr int64_t kLogEvery = 50;

  static std::string state_text(const TrainStatus& s) {
    const double left = s.progress > 0 ? s.elapsed_s * (1 / s.progress - 1) : 0;
    return figure("epoch %.1f", s.epoch) + figure("  %.0f%%", 100 * s.progress) + "  step " +
           std::to_string(s.step) + "  [" + clock_text(s.elapsed_s) + "<" + clock_text(left) +
           figure(", %.0f img/s", s.images_per_s) + figure(", bpd %.4f", s.bits_per_dim) +
           figure(", loss %.5f", s.loss) + figure(", cross-entropy %.4f", s.cross_entropy) + "]";
  }

  // A number in words, or nothing if it is not finite.
  static std::string figure(const char* format, double value) {
    if (!std::isfinite(value)) return "";
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
  }

  bool shows_progress_;
  double shown_at_ = -1;
  double bits_ = 0, loss_ = 0, entropy_ = 0;  // sums since the last line
  int64_t count_ = 0;
  std::string log_path_;
  std::ofstream log_;
  bool lost_ = false;
};

// Figures of the averaged weights on the held-out images, for the model file and the final report.
Json final_figures(const Trainer& trainer, const TrainRun& run) {
  Json figures = Json::object();
  if (run.validation == nullptr) return figures;
  trainer.with_averaged_weights([&](Model& model) {
    figures["held_out_images"] = run.validation->size();
    if (trainer.config().task != "classify") {
      if (model.has_density()) {
        const auto report = evaluate_likelihood(model, *run.validation, trainer.seed(), 1);
        figures["held_out_bits_per_dim"] = report.bits_per_dim;
        figures["held_out_bits_per_dim_stderr"] = report.standard_error;
      }
      if (model.residuals() > 0) {
        figures["held_out_psnr_db_from_z"] = reconstruction_psnr(model, *run.validation);
      }
    }
    if (!run.validation_labels.empty()) {
      figures["held_out_error_percent"] =
          classification_error(model, *run.validation, run.validation_labels);
    }
  });
  return figures;
}

// The labels of `images`, from the file that `option` names, or else from those beside them.
Bytes labels_of(const ImageSource& images, const std::string& option, const std::string& path,
                bool of_first_only) {
  if (!path.empty() && !images.skipped().empty()) {
    throw UsageError(images.skipped().front().name + ": cannot be read, and " + option +
                     " counts every image; mend it, or leave it and its label out");
  }
  return images.labels(path, of_first_only);
}

// Trains, and saves from time to time and whatever ends it; what is thrown goes on from here. An
// interrupt, once all is saved, ends the process. Returns whether the log is whole.
bool train(Trainer& trainer, const TrainRun& run, const CommonOptions& common,
           const TrainOptions& options, const Results& results) {
  const double save_every = parse_seconds("--save-every", options.save_every);
  const int64_t first_step = trainer.step();
  const auto how_to_go_on = [&] {
    return "at step " + std::to_string(trainer.step()) +
           "; continue with the same --data, --val and -o, and --resume " + results.state();
  };
  const InterruptFlag interrupt;
  const bool is_first = run.group == nullptr || run.group->is_first();
  std::optional<TrainingLog> progress(std::in_place, is_first && common.shows_progress(),
                                      is_first ? options.log : "");
  using Clock = std::chrono::steady_clock;
  auto saved_at = Clock::now();
  TrainEnd end;
  try {
    end = trainer.run(
        run, [&] { return interrupt.is_set(); },
        [&](const TrainStatus& status) {
          progress->show(status);
          if (std::chrono::duration<double>(Clock::now() - saved_at).count() < save_every) return;
          try {
            results.save(trainer);
          } catch (const std::exception& error) {
            log_warning(std::string(error.what()) + "; training goes on, the next try is in " +
                        options.save_every);
          }
          saved_at = Clock::now();
        });
  } catch (...) {
    progress.reset();
    if (trainer.step() == first_step || options.dry_run) throw;
    try {
      results.save(trainer);
      log_note("saved " + how_to_go_on());
    } catch (const std::exception& error) {
      log_error(error.what());
    }
    throw;
  }
  const bool whole = !progress->lost();
  progress.reset();
  results.save(trainer);
  if (end == TrainEnd::kInterrupted && !options.dry_run) {
    log_note("interrupted " + how_to_go_on());
    if (interrupt.is_set()) interrupt.reraise();
    throw OperationError("another process of the training was interrupted");
  }
  return whole;
}

std::unique_ptr<ProcessGroup> meet_others(const ProcessPlace& place, const CommonOptions& common,
                                          const TrainOptions& options, torch::Device device) {
  const double seconds = parse_seconds("--peer-timeout", options.peer_timeout);
  return std::make_unique<ProcessGroup>(
      place, std::chrono::milliseconds(std::llround(1000 * seconds)),
      has_own_gpu(common, place) ? std::optional(device) : std::nullopt);
}

// Each process sees the same images; the first one speaks of them. Those of one machine share it.
void behave_as_one_of(const ProcessPlace& place, const CommonOptions& common) {
  if (place.rank > 0) set_verbosity(std::min(verbosity(), Verbosity::kQuiet));
  if (common.threads == 0) {
    at::set_num_threads(std::max(1, at::get_num_threads() / place.local_size));
  }
}

// The last words of a training.
void report(const Trainer& trainer, const Json& figures, const CommonOptions& common,
            const TrainOptions& options) {
  if (common.json) {
    Json report = {{"schema", "pie.train/1"},
                   {"step", trainer.step()},
                   {"parameters", trainer.parameters()},
                   {"measured", figures}};
    std::cout << report.dump() << "\n";
  } else if (!figures.empty()) {
    log_note("final, on held-out images: " + figures.dump());
  }
  std::cout << options.output << std::endl;
}

}  // namespace

int run_train(const CommonOptions& common, const TrainOptions& options) {
  const auto place = process_place();
  const bool is_first = !place || place->rank == 0;
  if (place) behave_as_one_of(*place, common);
  const auto device = device_for(common, place);
  PassedOver passed_over;
  SourceOptions source_options = common.source_options();
  source_options.recursive = true;
  source_options.lenient = true;
  source_options.cache_bytes = uint64_t{1} << 30;
  source_options.on_skip = [&](const SkippedInput& input) { passed_over.add(input); };
  const ImageSource data(options.data, source_options);
  std::optional<ImageSource> validation;
  if (!options.validation.empty()) validation.emplace(options.validation, source_options);

  OutputPaths paths;
  for (const auto* source : {&data, validation ? &*validation : &data}) {
    for (const auto& part : source->parts()) paths.add_input(part.path);
  }
  for (const auto& path :
       {options.config, options.init, options.resume, options.labels, options.validation_labels}) {
    paths.add_input(path);
  }

  const auto group = place ? meet_others(*place, common, options, device) : nullptr;
  auto trainer = trainer_for(common, options, device);
  const bool labelled = trainer.config().task != "density";
  auto images = trainer.training_set(data, labelled ? labels_of(data, "--labels", options.labels,
                                                                trainer.config().task == "hybrid")
                                                    : Bytes());
  for (const auto& input : images.passed_over()) passed_over.add(input);
  passed_over.count_the_rest();
  const auto count = static_cast<int64_t>(images.size());
  const auto batch = trainer.config().batch;
  if (options.epochs > 0) trainer.set_steps((options.epochs * count + batch - 1) / batch);
  if (!options.resume.empty() && options.steps > 0) trainer.set_steps(options.steps);
  if (!options.time.empty()) trainer.set_time_limit(parse_seconds("--time", options.time));
  const Results results(options, is_first, paths);
  if (!options.log.empty() && is_first) paths.claim(options.log, "the log");

  TrainRun run;
  run.data = &images;
  run.group = group.get();
  if (validation) {
    trainer.check_validation(*validation);
    run.validation = &*validation;
    if (labelled) {
      run.validation_labels =
          labels_of(*validation, "--val-labels", options.validation_labels, false);
    }
  }
  run.bfloat16 = use_bfloat16(common.precision, trainer, device);
  run.stop_at = options.dry_run ? trainer.step() + 1 : options.stop_at;
  log_note(
      std::to_string(trainer.parameters()) + " parameters, " + std::to_string(count) + " images, " +
      (options.time.empty() ? std::to_string(trainer.config().steps) + " steps" : options.time) +
      " of " + std::to_string(batch) + (run.bfloat16 ? ", bfloat16" : ", float32") +
      " subnetworks");

  const bool log_whole = train(trainer, run, common, options, results);
  if (!is_first) return 0;
  passed_over.count_the_rest();
  if (options.dry_run) {
    log_note("dry run: one step done, nothing written");
    return 0;
  }
  // From here on an interrupt ends at once: nothing is lost, only not measured.
  Json figures;
  try {
    figures = final_figures(trainer, run);
  } catch (...) {
    log_note(options.output, "is complete, only not measured");
    throw;
  }
  results.save_model(trainer, figures);
  report(trainer, figures, common, options);
  return static_cast<int>(log_whole ? ExitCode::kOk : ExitCode::kFailed);
}

}  // namespace pie

// The second half of pie-train: data and preset to model, log and training state.
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <optional>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/model/model_store.h"
#include "lib/train/trainer.h"
#include "tools/common/run_main.h"
#include "tools/engine/commands.h"
#include "tools/pie_train.h"

namespace pie {
namespace {

// "90s", "30m", "2h" or plain seconds.
double parse_seconds(const std::string& text) {
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
    throw UsageError("--time takes a time such as 90s, 30m or 2h, not '" + text + "'");
  }
  return value * factor;
}

std::string clock_text(double seconds) {
  const auto s = static_cast<long long>(seconds);
  char text[32];
  std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
  return text;
}

Json preset_for(const TrainOptions& options, size_t images) {
  Json preset;
  if (!options.preset.empty()) {
    preset = find_preset(options.preset);
  } else {
    const auto bytes = read_file(options.config);
    preset = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
    if (preset.is_discarded()) throw UsageError(options.config + ": is not valid JSON");
  }
  for (const auto& assignment : options.set) set_value(preset, assignment);
  if (options.batch > 0) preset["train"]["batch"] = options.batch;
  if (options.lr > 0) preset["train"]["lr"] = options.lr;
  if (!options.task.empty()) preset["train"]["task"] = options.task;
  if (options.steps > 0) preset["train"]["steps"] = options.steps;
  if (options.epochs > 0) {
    const auto batch = parse_train_config(preset).batch;
    preset["train"]["steps"] = (options.epochs * static_cast<int64_t>(images) + batch - 1) / batch;
  }
  return preset;
}

bool use_bfloat16(const std::string& precision, const Trainer& trainer) {
  if (trainer.config().recompute) {
    // The inverse that recomputes activations needs more digits than bfloat16 has.
    if (precision == "bf16") throw UsageError("train.recompute excludes --precision bf16");
    return false;
  }
  if (precision == "auto") {
    if (trainer.bfloat16()) return *trainer.bfloat16();  // as the run that is resumed
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16") != 0;
#else
    return false;
#endif
  }
  return precision == "bf16";
}

void write_atomically(const std::string& path, const Bytes& bytes) {
  OutputFile file(path, true);
  file.write(bytes);
  file.commit();
}

// The log file, and the progress line on a terminal.
class Progress {
 public:
  explicit Progress(const std::string& log_path)
      : on_terminal_(isatty(STDERR_FILENO) != 0 && verbosity() != Verbosity::kQuiet) {
    if (log_path.empty()) return;
    log_.open(log_path, std::ios::app);
    if (!log_) throw OperationError(log_path + ": cannot be written");
  }
  ~Progress() { clear_line(); }

  void show(const TrainStatus& s) {
    if (on_terminal_ && (s.validated || s.elapsed_s - shown_at_ > 0.5)) {
      shown_at_ = s.elapsed_s;
      const double left = s.progress > 0 ? s.elapsed_s * (1 / s.progress - 1) : 0;
      std::fprintf(stderr, "\r\033[Kepoch %.1f  %.0f%%  step %lld  [%s<%s, %.0f img/s%s%s%s]",
                   s.epoch, 100 * s.progress, static_cast<long long>(s.step),
                   clock_text(s.elapsed_s).c_str(), clock_text(left).c_str(), s.images_per_s,
                   figure(", bpd %.4f", s.bits_per_dim).c_str(),
                   figure(", loss %.5f", s.loss).c_str(),
                   figure(", cross-entropy %.4f", s.cross_entropy).c_str());
    }
    bits_ += s.bits_per_dim;
    loss_ += s.loss;
    entropy_ += s.cross_entropy;
    ++count_;
    if (s.step % kLogEvery != 0 && !s.validated) return;
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
      clear_line();
      const std::string figures =
          figure(", %.4f bits/dim", s.validation_bits_per_dim) +
          figure(", %.2f dB from z alone", s.validation_psnr_db) +
          figure(", %.2f %% classified wrongly", s.validation_error_percent);
      log_note("step " + std::to_string(s.step) + " (" + clock_text(s.elapsed_s) + "): held-out" +
               (figures.empty() ? figures : figures.substr(1)));
    }
    if (log_.is_open()) log_ << line.dump() << std::endl;
  }

 private:
  static constexpr int64_t kLogEvery = 50;

  // A number in words, or nothing if it is not finite.
  static std::string figure(const char* format, double value) {
    if (!std::isfinite(value)) return "";
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
  }

  void clear_line() const {
    if (on_terminal_) std::fputs("\r\033[K", stderr);
  }

  bool on_terminal_;
  double shown_at_ = -1;
  double bits_ = 0, loss_ = 0, entropy_ = 0;  // sums since the last line
  int64_t count_ = 0;
  std::ofstream log_;
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

}  // namespace

int run_train(const CommonOptions& common, const TrainOptions& options) {
  const std::string state_path = options.output + ".state";
  SourceOptions source_options;
  source_options.recursive = true;
  source_options.lenient = true;
  source_options.cache_bytes = uint64_t{1} << 30;
  source_options.on_skip = [](const SkippedInput& skipped) {
    log_warning(skipped.name, skipped.cause + "; passed over");
  };
  const ImageSource data(options.data, source_options);
  std::optional<ImageSource> validation;
  if (!options.validation.empty()) validation.emplace(options.validation, source_options);

  auto trainer = options.resume.empty()
                     ? Trainer(preset_for(options, data.size()), common.seed)
                     : Trainer::resume(read_file(options.resume), options.resume);
  if (!options.resume.empty() && options.steps > 0) trainer.set_steps(options.steps);
  if (!options.time.empty()) trainer.set_time_limit(parse_seconds(options.time));
  // Only a run that goes on may replace its own files. Refuse before hours of work, not after.
  if (!options.force && !options.dry_run && !same_file(options.resume, state_path)) {
    for (const auto& path : {options.output, state_path}) OutputFile probe(path, false);
  }

  TrainRun run;
  run.data = &data;
  run.validation = validation ? &*validation : nullptr;
  if (trainer.config().task != "density") {
    run.labels = data.labels(options.labels, trainer.config().task == "hybrid");
    if (validation) run.validation_labels = validation->labels(options.validation_labels);
  }
  run.bfloat16 = use_bfloat16(common.precision, trainer);
  run.stop_at = options.dry_run ? trainer.step() + 1 : options.stop_at;
  log_note(std::to_string(trainer.parameters()) + " parameters, " + std::to_string(data.size()) +
           " images, " + std::to_string(trainer.config().steps) + " steps of " +
           std::to_string(trainer.config().batch) + (run.bfloat16 ? ", bfloat16" : ", float32") +
           " subnetworks");

  double saved_at = 0;
  TrainEnd end;
  {
    const InterruptFlag interrupt;
    Progress progress(options.log);
    end = trainer.run(
        run, [&] { return interrupt.is_set(); },
        [&](const TrainStatus& status) {
          progress.show(status);
          constexpr double kSaveEvery = 300;
          if (status.elapsed_s - saved_at > kSaveEvery && !options.dry_run) {
            saved_at = status.elapsed_s;
            write_atomically(state_path, trainer.serialize_state());
            write_atomically(options.output, trainer.serialize_averaged_model(Json::object()));
          }
        });
    if (end == TrainEnd::kInterrupted && !options.dry_run) {
      write_atomically(state_path, trainer.serialize_state());
      write_atomically(options.output, trainer.serialize_averaged_model(Json::object()));
      log_note("interrupted at step " + std::to_string(trainer.step()) +
               "; continue with the same --data, --val and -o, and --resume " + state_path);
      interrupt.reraise();
    }
  }
  if (options.dry_run) {
    log_note("dry run: one step done, nothing written");
    return 0;
  }
  // From here on an interrupt ends at once: nothing is lost, only not measured.
  write_atomically(state_path, trainer.serialize_state());
  write_atomically(options.output, trainer.serialize_averaged_model(Json::object()));
  const Json figures = final_figures(trainer, run);
  write_atomically(options.output, trainer.serialize_averaged_model(figures));
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
  return 0;
}

}  // namespace pie

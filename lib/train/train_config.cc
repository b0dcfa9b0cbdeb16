#include "lib/train/train_config.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace pie {
namespace {

LogDetEstimator parse_log_det(const ConfigSection& train) {
  LogDetEstimator how;
  how.method = LogDetEstimator::Method::kRoulette;
  how.terms = 2;
  if (!train.has("log_det")) return how;
  const ConfigSection s(train.get<Json>("log_det"), "train.log_det",
                        {"method", "terms", "probes", "tail", "tail_parameter"});
  how.method = parse_log_det_method(s.choice("method", {"exact", "series", "roulette"}));
  how.terms = s.integer("terms", 1, 1000);
  how.probes = s.integer("probes", 1, 1000);
  const bool poisson = s.choice("tail", {"poisson", "geometric"}) == "poisson";
  how.tail = poisson ? LogDetEstimator::Tail::kPoisson : LogDetEstimator::Tail::kGeometric;
  how.tail_parameter = s.number("tail_parameter", 0.01, poisson ? 20 : 0.99);
  return how;
}

}  // namespace

TrainConfig parse_train_config(const Json& preset) {
  if (!preset.contains("train")) throw UsageError("configuration: 'train' is missing");
  const ConfigSection s(
      preset.at("train"), "train",
      {"steps",          "batch",      "optimizer",      "lr",   "warmup_steps", "schedule",
       "clip_norm",      "ema_decay",  "validate_every", "flip", "crop",         "shift",
       "smallest_scale", "jpeg_share", "ycbcr_share",    "task", "labelled",     "class_weight",
       "weight_decay",   "recompute",  "log_det",        "warp", "mse_weight"});
  TrainConfig config;
  config.steps = s.integer("steps", 1, 1000000000);
  config.batch = s.integer("batch", 1, 65536);
  config.optimizer = s.has("optimizer") ? s.choice("optimizer", {"adam", "muon"}) : "adam";
  config.lr = s.number("lr", 0, 10);
  config.warmup_steps = s.integer("warmup_steps", 0, 1000000000);
  config.schedule = s.choice("schedule", {"linear", "cosine", "constant"});
  config.clip_norm = s.number("clip_norm", 0, 1e9);
  config.ema_decay = s.number("ema_decay", 0, 0.999999);
  config.validate_every = s.integer("validate_every", 1, 1000000000);
  config.flip = s.get<bool>("flip");
  config.crop = s.get<bool>("crop");
  config.shift = s.has("shift") ? s.integer("shift", 0, 64) : 0;
  config.warp = s.has("warp") ? s.number("warp", 0, 0.5) : 0;
  const auto share = [&](const char* key, double low, double otherwise) {
    return s.has(key) ? s.number(key, low, 1) : otherwise;
  };
  config.smallest_scale = share("smallest_scale", 0.05, 1);
  config.jpeg_share = share("jpeg_share", 0, 0);
  config.ycbcr_share = share("ycbcr_share", 0, 0);
  if (config.jpeg_share + config.ycbcr_share > 1) {
    throw UsageError("configuration: 'train.jpeg_share' and 'train.ycbcr_share' are more than 1");
  }
  config.task = s.has("task") ? s.choice("task", {"density", "classify", "hybrid"}) : "density";
  config.labelled = s.has("labelled") ? s.integer("labelled", 0, int64_t{1} << 40) : 0;
  config.mse_weight = s.has("mse_weight") ? s.number("mse_weight", 0, 1e6) : 0;
  config.class_weight = s.has("class_weight") ? s.number("class_weight", 0, 1e6) : 1.0;
  config.weight_decay = s.has("weight_decay") ? s.number("weight_decay", 0, 100) : 0;
  config.recompute = s.has("recompute") && s.get<bool>("recompute");
  config.log_det = parse_log_det(s);
  return config;
}

void require_fit(const TrainConfig& config, const Model& model) {
  if (config.task != "classify" && model.likelihood() == Likelihood::kNone) {
    throw UsageError(
        "pad_channels, coefficient: with a zero-padded input, or without a Lipschitz bound, there "
        "is no density; such a model can only be trained for the task classify");
  }
  if (config.task != "density" && model.classes() == 0) {
    throw UsageError("the task " + config.task + " needs a model with classes; set 'classes'");
  }
  if (config.mse_weight > 0 &&
      (config.task == "classify" || model.discrete() || model.residuals() == 0)) {
    throw UsageError(
        "train.mse_weight is for densities of real numbers that keep only a part of them in z");
  }
  if (config.mse_weight > 0 && config.recompute) {
    throw UsageError("train.mse_weight keeps activations, which train.recompute is there to avoid");
  }
}

double learning_rate(const TrainConfig& config, int64_t step, double progress) {
  constexpr double kFloor = 0.01;
  const double p = std::clamp(progress, 0.0, 1.0);
  double factor = 1;
  if (config.schedule == "linear") factor = 1 - p;
  if (config.schedule == "cosine") factor = 0.5 * (1 + std::cos(M_PI * p));
  if (config.schedule != "constant") factor = std::max(factor, kFloor);
  const double rise = config.warmup_steps > 0
                          ? static_cast<double>(step + 1) / static_cast<double>(config.warmup_steps)
                          : 1.0;
  return config.lr * factor * std::min(1.0, rise);
}

}  // namespace pie

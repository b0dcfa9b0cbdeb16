#include "tools/engine/model_report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/base/version.h"
#include "lib/codec/codec.h"
#include "lib/eval/classification.h"
#include "lib/eval/draw_quality.h"
#include "lib/eval/feature_space.h"
#include "lib/eval/inversion.h"
#include "lib/eval/latent_map.h"
#include "lib/eval/likelihood.h"
#include "lib/eval/measurable.h"
#include "lib/eval/model_images.h"
#include "lib/eval/neighbours.h"
#include "lib/eval/reconstruction.h"
#include "lib/image/mosaic.h"
#include "lib/image/quality.h"
#include "lib/model/model_store.h"
#include "tools/engine/code_report.h"
#include "tools/engine/device.h"
#include "tools/engine/progress.h"
#include "tools/engine/svg_chart.h"

namespace pie {
namespace {

const char* definition(LikelihoodMeaning meaning) {
  switch (meaning) {
    case LikelihoodMeaning::kCodeLength:
      return "discrete 8-bit, exact length of the code";
    case LikelihoodMeaning::kDequantization:
      return "discrete 8-bit, uniform dequantization, log2(256) included, upper bound";
    case LikelihoodMeaning::kEvidence:
      return "discrete 8-bit, uniform dequantization, log2(256) included, upper bound by the "
             "evidence lower bound (ELBO) of a VAE: -KL counts as z, the reconstruction as r_1";
  }
  return "";
}

class Evaluation {
 public:
  Evaluation(const CommonOptions& common, const EvalOptions& options, const std::string& name)
      : common_(common),
        options_(options),
        model_(on_device(common, find_model(name))),
        can_(measurable(*model_.model)),
        data_(options.data, options.data_options(common.source_options())) {
    report_ = {
        {"schema", "pie.flow-eval/1"},
        {"tool", "flow-eval " + version_string()},
        {"model",
         {{"name", model_label(name)},
          {"preset", model_.name()},
          {"arch", model_.preset.value("arch", "")},
          {"fingerprint", to_hex(model_.fingerprint.data(), model_.fingerprint.size())},
          {"params", model_.parameters},
          {"configuration", without(model_.preset, "train")}}},
        {"training", model_.training},
        {"data",
         {{"images", data_.size()}, {"dims_per_image", model_.model->input_shape().elements()}}}};
    report_["warnings"] = Json::array();
  }

  ModelReport run() {
    if (options_.metrics != std::vector<std::string>{"code"}) {
      timed(report_, "load",
            [&] { images_ = load_for(*model_.model, data_, index_range(0, data_.size())); });
    }
    // What may be refused comes before the work.
    if (!options_.features.empty() && can_.code && options_.wants("samples")) {
      space_.emplace(on_device(common_, find_model(options_.features)), images_);
    }
    if (!options_.neighbours.empty()) {
      const ImageSource source(options_.neighbours, common_.source_options());
      neighbours_ = Neighbours{load_all(source, model_.model->input_shape()), source.labels()};
      data_.labels(options_.labels);
    }
    if (wants("likelihood", can_.likelihood)) measure("likelihood", [&] { likelihood(); });
    // From z alone: with nothing split off, z is everything, and the inverse says it all.
    if (wants("reconstruction", can_.inversion || can_.reconstruction)) {
      if (can_.inversion) measure("inversion", [&] { inversion(); });
      if (can_.reconstruction) measure("reconstruction", [&] { reconstruction(); });
    }
    if (wants("classification", can_.classification)) {
      measure("classification", [&] { classification(); });
    }
    if (options_.wants("sharpness")) {
      put_sharpness(report_["sharpness"], "data", sharpness(images_));
    }
    if (wants("samples", can_.code)) measure("samples", [&] { samples(); });
    if (wants("latents", can_.latents)) measure("latents", [&] { latents(); });
    if (wants("code", can_.code)) {
      watch("code", [&] {
        report_code(report_, model_, load_whole(*model_.model, data_), options_, progress_);
      });
    }
    if (report_.contains("sharpness")) {
      report_["sharpness"]["kernel"] = "laplacian_4n_valid";
      report_["sharpness"]["on"] = "luma_bt601_0_1";
    }
    report_["env"] = {
        {"libtorch", TORCH_VERSION}, {"threads", at::get_num_threads()}, {"seed", common_.seed}};
    // Warnings last, where a reader of the table looks.
    const Json warnings = report_["warnings"];
    report_.erase("warnings");
    report_["warnings"] = warnings;
    return {report_, pictures_};
  }

 private:
  // Work that shows how far it is, on the terminal and to who asks; `measure` also takes its time.
  void watch(const std::string& what, const std::function<void()>& work) {
    Progress progress(common_, model_.name() + ": " + what);
    progress_ = [&](double done) { progress.show(done); };
    work();
    progress_ = {};
  }
  void measure(const std::string& what, const std::function<void()>& work) {
    watch(what, [&] { timed(report_, what, work); });
  }

  static Json without(Json object, const char* key) {
    object.erase(key);
    return object;
  }

  // Whether to report a metric. One that was asked for by name and that the model lacks is a
  // warning.
  bool wants(const std::string& metric, bool available) {
    if (available) return options_.wants(metric);
    if (!options_.metrics.empty() && options_.wants(metric)) {
      report_["warnings"].push_back(metric + ": this model has none");
    }
    return false;
  }

  // A mean of images' sharpness, and its standard error.
  void put_sharpness(Json& out, const std::string& key, const RunningMean& values) {
    out[key] = values.mean();
    out[key + "_stderr"] =
        finite_or_null(report_, "sharpness." + key + "_stderr", values.standard_error());
  }

  // The labels of the images; none, with a warning if `what` is not empty, unless they were asked
  // for.
  Bytes labels(const std::string& what) {
    try {
      return data_.labels(options_.labels);
    } catch (const UsageError& error) {
      if (!options_.labels.empty()) throw;
      if (!what.empty()) report_["warnings"].push_back(what + ": " + error.what());
      return {};
    }
  }

  // How log-dets are computed: exactly where that has a closed form.
  LogDetEstimator log_det() const {
    if (!model_.model->estimates_log_det()) return {};
    auto how = options_.log_det.empty() ? default_log_det()
                                        : default_log_det(parse_log_det_method(options_.log_det));
    if (options_.terms > 0) how.terms = options_.terms;
    how.probes = options_.probes;
    return how;
  }

  void likelihood() {
    const auto how = log_det();
    const auto r = evaluate_likelihood(*model_.model, data_, common_.seed, options_.noise_draws,
                                       how, progress_);
    auto& out = report_["likelihood"];
    out["bits_per_dim"] = finite_or_null(report_, "likelihood.bits_per_dim", r.bits_per_dim);
    out["stderr"] = finite_or_null(report_, "likelihood.stderr", r.standard_error);
    out["log_likelihood_nats_per_image"] =
        finite_or_null(report_, "likelihood.log_likelihood_nats_per_image", r.nats_per_image);
    out["definition"] = definition(r.meaning);
    out["noise_draws"] = r.draws;
    out["parts_bits_per_dim"] = {{"z", r.z},
                                 {"r", r.r},
                                 {"log_det", r.log_det},
                                 {"pre_transform", r.pre_transform},
                                 {"offset", r.offset}};
    const bool exact = how.method == LogDetEstimator::Method::kExact;
    // A continuous flow's log-det is the integral of a trace, not a series; the solver bounds the
    // error of each of its steps only.
    const bool trace = model_.model->estimates_log_det() && !can_.inversion;
    const bool series = !exact && !trace;
    out["logdet"] = {{"method", exact || series ? to_string(how.method) : "trace"},
                     {"terms", series ? how.terms : 0},
                     {"probes", exact ? 0 : how.probes},
                     {"bias_bound", trace ? Json()
                                          : finite_or_null(report_, "likelihood.logdet.bias_bound",
                                                           r.log_det_bias_bound)}};
    out["function_evaluations"] = r.evaluations;
  }

  // The iterative inverse of an i-ResNet, and why it can be trusted.
  void inversion() {
    auto& model = *model_.model;
    const auto bounds = lipschitz_bounds(model);
    const auto r = evaluate_inversion(model, images_, progress_);
    auto& out = report_["reconstruction"]["inverse"];
    out["max_abs_error"] = finite_or_null(report_, "inverse.max_abs_error", r.max_abs_error);
    out["rms_error"] = finite_or_null(report_, "inverse.rms_error", r.rms_error);
    out["iterations_max"] = r.iterations_max;
    out["iterations_mean"] = r.iterations_mean;
    out["error_bound"] = finite_or_null(report_, "inverse.error_bound", r.error_bound);
    out["lipschitz_bound"] = *std::max_element(bounds.begin(), bounds.end());
    out["lipschitz_bound_of_blocks"] = bounds;
    add_beside_originals("inverses", "Originals, and below them what the inverse gives back",
                         r.images);
    for (const auto iterations : options_.iterations) {
      const auto after = evaluate_plain_inversion(model, images_, iterations);
      out["by_iterations"].push_back(
          {{"iterations", iterations},
           {"max_abs_error", finite_or_null(report_, "inverse.max_abs_error", after.max_abs_error)},
           {"rms_error", finite_or_null(report_, "inverse.rms_error", after.rms_error)}});
    }
  }

  void classification() {
    const auto right =
        options_.metrics.empty() ? labels("classification") : data_.labels(options_.labels);
    if (right.empty()) return;
    report_["classification"]["error_percent"] =
        classification_error(*model_.model, data_, right, progress_);
  }

  void reconstruction() {
    const auto r = evaluate_reconstruction(*model_.model, images_, progress_);
    auto& out = report_["reconstruction"];
    out["layers_used"] = 1;
    out["psnr_db"] = finite_or_null(report_, "reconstruction.psnr_db", r.psnr_db);
    out["psnr_db_mean_of_images"] =
        finite_or_null(report_, "reconstruction.psnr_db_mean_of_images", r.psnr_db_mean_of_images);
    out["ssim"] = finite_or_null(report_, "reconstruction.ssim", r.ssim);
    if (neighbours_) {
      out["labels_kept_percent"] = percent_by_pixels(r.images);
      out["labels_kept_percent_of_originals"] = percent_by_pixels(images_);
    }
    if (options_.wants("sharpness")) {
      put_sharpness(report_["sharpness"], "reconstructions", sharpness(r.images));
    }
    add_beside_originals("reconstructions",
                         "Originals, and below them reconstructions from z alone", r.images);
  }

  // How many labels of the data those of the nearest neighbours of `images` are.
  double percent_by_pixels(const ImageSet& images) const {
    return percent_right(nearest_labels(images, neighbours_->images, neighbours_->labels),
                         data_.labels(options_.labels));
  }

  struct Neighbours {
    ImageSet images;
    Bytes labels;
  };

  void samples() {
    const auto temperatures = can_.temperatures ? options_.temperatures : std::vector<double>{1};
    for (const double temperature : temperatures) {
      const auto r =
          evaluate_draws(model_, options_.samples,
                         {temperature, options_.residual_temperature, common_.seed, progress_},
                         space_ ? &*space_ : nullptr);
      Json figures = {{"temperature", temperature},
                      {"residual_temperature", options_.residual_temperature}};
      put_sharpness(figures, "sharpness", r.sharpness);
      if (space_) {
        figures["frechet_distance"] =
            finite_or_null(report_, "samples.frechet_distance", r.frechet_distance);
      }
      auto& sharp = report_["sharpness"];
      if (!sharp.contains("samples")) {
        sharp["samples"] = figures["sharpness"];
        sharp["samples_stderr"] = figures["sharpness_stderr"];
        sharp["samples_count"] = r.images.size();
      }
      report_["samples"].push_back(figures);
      const bool first = report_["samples"].size() == 1;
      add_picture(first ? "samples" : samples_kind(temperature),
                  "Samples at temperature " + short_number(temperature),
                  mosaic(r.images.slice(0, std::min<size_t>(100, r.images.size())), 10));
    }
  }

  // What z says by itself: how well it tells labels apart, where images lie, and what is between.
  void latents() {
    const auto z = encode_latents(model_, feed_of(images_));
    auto& out = report_["latents"];
    out["dims"] = z.size(1);
    if (neighbours_) {
      const auto references = encode_latents(model_, feed_of(neighbours_->images));
      out["labels_by_nearest_neighbour_percent"] = percent_right(
          nearest_labels(z, references, neighbours_->labels), data_.labels(options_.labels));
    }
    try {
      if (const auto found = latent_map(z)) map(*found);
    } catch (const OperationError& error) {
      report_["warnings"].push_back(std::string("latents: ") + error.what());
    }
    if (images_.size() >= 2) interpolations();
  }

  void map(const LatentMap& found) {
    const auto colours = labels("");
    auto& out = report_["latents"]["map"];
    out["method"] = "principal components";
    out["variance_shares"] = found.variance_shares;
    const auto rounded = [](double value) { return std::round(value * 1e4) / 1e4; };
    for (size_t k = 0; k < found.points.size(); ++k) {
      Json point = {rounded(found.points[k][0]), rounded(found.points[k][1])};
      if (!colours.empty()) point.push_back(colours[k]);
      out["points"].push_back(point);
    }
  }

  void interpolations() {
    constexpr size_t kPairs = 6, kSteps = 12;
    ImageSet strips(images_.shape());
    for (size_t pair = 0; pair < std::min(kPairs, images_.size() / 2); ++pair) {
      const auto strip = interpolate(model_, images_.slice(2 * pair, 2 * pair + 2), kSteps);
      for (size_t k = 0; k < strip.size(); ++k) strips.append(strip.image(k));
    }
    add_picture("interpolations", "Straight lines in z between two images",
                mosaic(strips, static_cast<int>(kSteps)));
  }

  void add_beside_originals(const std::string& kind, const std::string& caption,
                            const ImageSet& copies) {
    const size_t n = std::min<size_t>(images_.size(), 60);
    const auto above = images_.slice(0, n), below = copies.slice(0, n);
    add_picture(kind, caption, stacked_mosaic({&above, &below}, 15));
  }

  void add_picture(const std::string& kind, const std::string& caption, const Image& picture) {
    pictures_.push_back({kind, caption, picture});
  }

  const CommonOptions& common_;
  const EvalOptions& options_;
  LoadedModel model_;
  Measurable can_;
  ImageSource data_;
  ImageSet images_;
  std::optional<FeatureSpace> space_;
  std::optional<Neighbours> neighbours_;
  Json report_;
  ProgressCallback progress_;  // of what is measured now
  std::vector<ReportPicture> pictures_;
};

}  // namespace

ModelReport evaluate_model(const CommonOptions& common, const EvalOptions& options,
                           const std::string& name) {
  return Evaluation(common, options, name).run();
}

std::string samples_kind(double temperature) { return "samples-t" + short_number(temperature); }

std::string model_label(const std::string& name) {
  return std::filesystem::path(name).stem().string();
}

}  // namespace pie

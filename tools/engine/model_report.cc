#include "tools/engine/model_report.h"

#include <cmath>
#include <filesystem>
#include <optional>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/base/version.h"
#include "lib/codec/codec.h"
#include "lib/codec/sampling.h"
#include "lib/image/mosaic.h"
#include "lib/image/quality.h"
#include "lib/model/model_store.h"
#include "lib/model/pixels.h"
#include "lib/numerics/moments.h"
#include "lib/train/evaluation.h"
#include "lib/train/neighbours.h"
#include "tools/engine/code_report.h"
#include "tools/engine/feature_space.h"
#include "tools/engine/svg_chart.h"

namespace pie {
namespace {

class Evaluation {
 public:
  Evaluation(const CommonOptions& common, const EvalOptions& options, const std::string& name)
      : common_(common), options_(options), model_(find_model(name)), data_(options.data) {
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
    timed(report_, "load", [&] { images_ = load_all(data_, model_.model->input_shape()); });
    const bool decodes = model_.model->likelihood() != Likelihood::kNone;
    // What may be refused comes before the work.
    if (!options_.features.empty() && decodes && options_.wants("samples")) {
      space_.emplace(find_model(options_.features), images_);
    }
    if (!options_.neighbours.empty()) {
      const ImageSource source(options_.neighbours);
      neighbours_ = Neighbours{load_all(source, model_.model->input_shape()), source.labels()};
      data_.labels(options_.labels);
    }
    if (wants("likelihood", model_.model->has_density())) {
      timed(report_, "likelihood", [&] { likelihood(); });
    }
    const bool inverse = !model_.model->residual_blocks().empty();
    // From z alone: with nothing split off, z is everything, and the inverse says it all.
    const bool from_z = decodes && model_.model->residuals() > 0;
    if (wants("reconstruction", inverse || from_z)) {
      if (inverse) timed(report_, "inversion", [&] { inversion(); });
      if (from_z) timed(report_, "reconstruction", [&] { reconstruction(); });
    }
    if (wants("classification", model_.model->classes() > 0)) {
      timed(report_, "classification", [&] { classification(); });
    }
    if (options_.wants("sharpness")) {
      put_sharpness(report_["sharpness"], "data", images_);
    }
    if (wants("samples", decodes)) timed(report_, "samples", [&] { samples(); });
    if (wants("latents", decodes && !model_.integer()))
      timed(report_, "latents", [&] { latents(); });
    if (wants("code", decodes)) report_code(report_, model_, images_, options_);
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

  // The mean sharpness of images, and its standard error.
  void put_sharpness(Json& out, const std::string& key, const ImageSet& images) {
    const auto values = sharpness(images);
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

  void likelihood() {
    LogDetEstimator how;
    if (!model_.model->residual_blocks().empty()) {
      how = default_log_det();
      if (!options_.log_det.empty()) how.method = parse_log_det_method(options_.log_det);
      if (how.method == LogDetEstimator::Method::kSeries) how.terms = 20;
      if (options_.terms > 0) how.terms = options_.terms;
      how.probes = options_.probes;
    }
    const auto r = evaluate_likelihood(*model_.model, data_, common_.seed,
                                       model_.model->discrete() ? 1 : options_.noise_draws, how);
    auto& out = report_["likelihood"];
    out["bits_per_dim"] = finite_or_null(report_, "likelihood.bits_per_dim", r.bits_per_dim);
    out["stderr"] = finite_or_null(report_, "likelihood.stderr", r.standard_error);
    out["log_likelihood_nats_per_image"] =
        finite_or_null(report_, "likelihood.log_likelihood_nats_per_image", r.nats_per_image);
    const bool discrete = model_.model->discrete();
    const bool bound = model_.model->likelihood() == Likelihood::kBound;
    out["definition"] = discrete ? "discrete 8-bit, exact length of the code"
                        : bound  ? "discrete 8-bit, uniform dequantization, log2(256) included, "
                                   "upper bound by the evidence lower bound (ELBO) of a VAE: -KL "
                                   "counts as z, the reconstruction as r_1"
                                 : "discrete 8-bit, uniform dequantization, log2(256) included, "
                                   "upper bound";
    out["noise_draws"] = discrete ? 0 : r.draws;
    out["parts_bits_per_dim"] = {{"z", r.z},
                                 {"r", r.r},
                                 {"log_det", r.log_det},
                                 {"pre_transform", r.pre_transform},
                                 {"offset", r.offset}};
    const bool exact = how.method == LogDetEstimator::Method::kExact;
    out["logdet"] = {{"method", to_string(how.method)},
                     {"terms", exact ? 0 : how.terms},
                     {"probes", exact ? 0 : how.probes},
                     {"bias_bound", finite_or_null(report_, "likelihood.logdet.bias_bound",
                                                   r.log_det_bias_bound)}};
  }

  // The iterative inverse of an i-ResNet, and why it can be trusted.
  void inversion() {
    auto& model = model_.flow();
    double largest = 0;
    Json blocks = Json::array();
    for (const auto& block : model.residual_blocks()) {
      blocks.push_back(block->map().lipschitz_bound());
      largest = std::max(largest, block->map().lipschitz_bound());
    }
    FixedPointOptions fixed_point;
    fixed_point.fail = false;  // what does not converge is measured here, not refused
    const auto r = evaluate_inversion(model, images_, fixed_point);
    auto& out = report_["reconstruction"]["inverse"];
    out["max_abs_error"] = finite_or_null(report_, "inverse.max_abs_error", r.max_abs_error);
    out["rms_error"] = finite_or_null(report_, "inverse.rms_error", r.rms_error);
    out["iterations_max"] = r.iterations_max;
    out["iterations_mean"] = r.iterations_mean;
    out["error_bound"] = finite_or_null(report_, "inverse.error_bound", r.error_bound);
    out["lipschitz_bound"] = largest;
    out["lipschitz_bound_of_blocks"] = blocks;
    add_beside_originals("inverses", "Originals, and below them what the inverse gives back",
                         r.images);
    fixed_point.anderson_depth =
        0;  // step by step, the plain iteration shows the Lipschitz constant
    for (const auto iterations : options_.iterations) {
      fixed_point.max_iterations = iterations;
      const auto after = evaluate_inversion(model, images_, fixed_point);
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
    report_["classification"]["error_percent"] = classification_error(*model_.model, data_, right);
  }

  void reconstruction() {
    const auto decoded = reconstruct(*model_.model, images_);
    Psnr psnr;
    psnr.add(images_, decoded);
    auto& out = report_["reconstruction"];
    out["layers_used"] = 1;
    out["psnr_db"] = finite_or_null(report_, "reconstruction.psnr_db", psnr.pooled_db());
    out["psnr_db_mean_of_images"] =
        finite_or_null(report_, "reconstruction.psnr_db_mean_of_images", psnr.mean_of_images_db());
    out["ssim"] = finite_or_null(report_, "reconstruction.ssim", ssim(images_, decoded).mean());
    if (neighbours_) labels_kept(decoded);
    if (options_.wants("sharpness")) {
      put_sharpness(report_["sharpness"], "reconstructions", decoded);
    }
    add_beside_originals("reconstructions",
                         "Originals, and below them reconstructions from z alone", decoded);
  }

  void labels_kept(const ImageSet& decoded) {
    const auto& references = *neighbours_;
    const auto percent = [&](const ImageSet& images) {
      return percent_right(nearest_labels(images, references.images, references.labels));
    };
    report_["reconstruction"]["labels_kept_percent"] = percent(decoded);
    report_["reconstruction"]["labels_kept_percent_of_originals"] = percent(images_);
  }

  struct Neighbours {
    ImageSet images;
    Bytes labels;
  };

  // How many of the images' labels are `found`.
  double percent_right(const Bytes& found) const {
    const auto labels = data_.labels(options_.labels);
    size_t right = 0;
    for (size_t i = 0; i < found.size(); ++i) right += found[i] == labels[i] ? 1 : 0;
    return 100.0 * static_cast<double>(right) / static_cast<double>(found.size());
  }

  void samples() {
    // Levels are drawn by their probabilities, which have no temperature.
    const auto temperatures = model_.integer() ? std::vector<double>{1} : options_.temperatures;
    for (const double temperature : temperatures) {
      const SamplingOptions sampling{temperature, options_.residual_temperature, common_.seed};
      const auto drawn = sample(model_, options_.samples, sampling);
      Json figures = {{"temperature", temperature},
                      {"residual_temperature", options_.residual_temperature}};
      put_sharpness(figures, "sharpness", drawn);
      if (space_) {
        figures["frechet_distance"] =
            finite_or_null(report_, "samples.frechet_distance", space_->distance(drawn));
      }
      auto& sharp = report_["sharpness"];
      if (!sharp.contains("samples")) {
        sharp["samples"] = figures["sharpness"];
        sharp["samples_stderr"] = figures["sharpness_stderr"];
        sharp["samples_count"] = drawn.size();
      }
      report_["samples"].push_back(figures);
      const bool first = report_["samples"].size() == 1;
      add_picture(first ? "samples" : samples_kind(temperature),
                  "Samples at temperature " + short_number(temperature),
                  mosaic(drawn.slice(0, std::min<size_t>(100, drawn.size())), 10));
    }
  }

  // What z says by itself: how well it tells labels apart, where images lie, and what is between.
  void latents() {
    const auto z = encode_latents(model_, images_);
    auto& out = report_["latents"];
    out["dims"] = z.size(1);
    if (neighbours_) {
      const auto& references = *neighbours_;
      out["labels_by_nearest_neighbour_percent"] = percent_right(
          nearest_labels(z, encode_latents(model_, references.images), references.labels));
    }
    map(z);
    if (images_.size() >= 2) interpolations();
  }

  void map(const torch::Tensor& z) {
    constexpr int64_t kMostDims = 4096, kMostPoints = 1000;
    if (z.size(0) < 3 || z.size(1) < 2 || z.size(1) > kMostDims) return;
    if (!torch::isfinite(z).all().item<bool>() || z.std().item<double>() == 0) {
      report_["warnings"].push_back("latents: no map, z is not finite or always the same");
      return;
    }
    const auto axes = principal_axes(z, 2);
    const auto points =
        torch::mm(z.slice(0, 0, kMostPoints).to(torch::kFloat64) - axes.mean, axes.directions.t());
    const auto colours = labels("");
    auto& out = report_["latents"]["map"];
    out["method"] = "principal components";
    out["variance_shares"] = axes.shares;
    for (int64_t k = 0; k < points.size(0); ++k) {
      const auto rounded = [&](int64_t axis) {
        return std::round(points[k][axis].item<double>() * 1e4) / 1e4;
      };
      Json point = {rounded(0), rounded(1)};
      if (!colours.empty()) point.push_back(colours[static_cast<size_t>(k)]);
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
  ImageSource data_;
  ImageSet images_;
  std::optional<FeatureSpace> space_;
  std::optional<Neighbours> neighbours_;
  Json report_;
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

// The second half of flow-eval: figures that need a model.
#include <chrono>
#include <filesystem>
#include <iostream>
#include <numeric>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/version.h"
#include "lib/codec/codec.h"
#include "lib/codec/sampling.h"
#include "lib/image/image_io.h"
#include "lib/image/mosaic.h"
#include "lib/image/quality.h"
#include "lib/model/model_store.h"
#include "lib/train/evaluation.h"
#include "lib/train/neighbours.h"
#include "tools/common/files.h"
#include "tools/common/report.h"
#include "tools/engine/commands.h"
#include "tools/flow_eval.h"

namespace pie {
namespace {

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

ImageSet load_all(const ImageSource& source, Shape3 shape) {
  std::vector<size_t> indices(source.size());
  std::iota(indices.begin(), indices.end(), size_t{0});
  return load_images(source, indices, shape);
}

// Decodes the first `layers` layers of an archive.
ImageSet decode_all(const LoadedModel& model, const StoredFrame& frame, int layers) {
  std::vector<uint64_t> indices(frame.header().images);
  std::iota(indices.begin(), indices.end(), uint64_t{0});
  ImageSet images({frame.header().channels, static_cast<int>(frame.header().height),
                   static_cast<int>(frame.header().width)},
                  indices.size());
  decode_images(model, frame, layers, indices, [&](uint64_t index, const Image& image) {
    interleaved_to_planar(image.geometry, image.samples.data(), images.data(index));
  });
  return images;
}

class Evaluation {
 public:
  Evaluation(const CommonOptions& common, const EvalOptions& options, const std::string& name)
      : common_(common),
        options_(options),
        label_(std::filesystem::path(name).stem().string()),
        model_(find_model(name)),
        data_(options.data) {
    // Refuses before the work, not after it.
    if (!options.pictures.empty()) {
      for (const char* kind : {"reconstructions", "inverses", "samples"}) {
        if (std::filesystem::exists(picture_path(kind))) {
          OutputFile probe(picture_path(kind), options.force);
        }
      }
    }
    report_ = {
        {"schema", "pie.flow-eval/1"},
        {"tool", "flow-eval " + version_string()},
        {"model",
         {{"name", label_},
          {"preset", model_.name()},
          {"arch", model_.preset.value("arch", "")},
          {"fingerprint", to_hex(model_.fingerprint.data(), model_.fingerprint.size())},
          {"params", model_.parameters}}},
        {"data",
         {{"images", data_.size()}, {"dims_per_image", model_.model->input_shape().elements()}}}};
    report_["warnings"] = Json::array();
  }

  Json run() {
    time("load", [&] { images_ = load_all(data_, model_.model->input_shape()); });
    const bool density = model_.model->has_density();
    if (wants("likelihood", density)) time("likelihood", [&] { likelihood(); });
    const bool inverse = !model_.model->residual_blocks().empty();
    // From z alone: with nothing split off, z is everything, and the inverse says it all.
    const bool from_z = density && model_.model->residuals() > 0;
    if (wants("reconstruction", inverse || from_z)) {
      if (inverse) time("inversion", [&] { inversion(); });
      if (from_z) time("reconstruction", [&] { reconstruction(); });
    }
    if (wants("classification", model_.model->classes() > 0)) {
      time("classification", [&] { classification(); });
    }
    if (options_.wants("sharpness")) {
      report_["sharpness"]["data"] = sharpness(images_).mean();
      report_["sharpness"]["data_stderr"] =
          finite_or_null(report_, "sharpness.data_stderr", sharpness(images_).standard_error());
    }
    if (wants("samples", density)) time("samples", [&] { samples(); });
    if (wants("code", density)) code();
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
    return report_;
  }

 private:
  // Whether to report a metric. One that was asked for by name and that the model lacks is a
  // warning.
  bool wants(const std::string& metric, bool available) {
    if (available) return options_.wants(metric);
    if (!options_.metrics.empty() && options_.wants(metric)) {
      report_["warnings"].push_back(metric + ": this model has none");
    }
    return false;
  }

  template <typename Work>
  void time(const std::string& name, const Work& work) {
    const Stopwatch watch;
    work();
    report_["time_s"][name] = watch.seconds();
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
    out["definition"] = discrete ? "discrete 8-bit, exact length of the code"
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
    write_beside_originals("inverses", r.images);
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
    Bytes labels;
    try {
      labels = data_.labels(options_.labels);
    } catch (const UsageError& error) {
      if (!options_.metrics.empty() || !options_.labels.empty()) throw;
      report_["warnings"].push_back(std::string("classification: ") + error.what());
      return;
    }
    report_["classification"]["error_percent"] = classification_error(*model_.model, data_, labels);
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
    if (!options_.neighbours.empty()) labels_kept(decoded);
    if (options_.wants("sharpness")) {
      report_["sharpness"]["reconstructions"] = sharpness(decoded).mean();
      report_["sharpness"]["reconstructions_stderr"] = finite_or_null(
          report_, "sharpness.reconstructions_stderr", sharpness(decoded).standard_error());
    }
    write_beside_originals("reconstructions", decoded);
  }

  void labels_kept(const ImageSet& decoded) {
    const ImageSource reference_source(options_.neighbours);
    const auto references = load_all(reference_source, model_.model->input_shape());
    const auto reference_labels = reference_source.labels();
    const auto labels = data_.labels(options_.labels);
    const auto percent = [&](const ImageSet& images) {
      const auto found = nearest_labels(images, references, reference_labels);
      size_t kept = 0;
      for (size_t i = 0; i < found.size(); ++i) kept += found[i] == labels[i] ? 1 : 0;
      return 100.0 * static_cast<double>(kept) / static_cast<double>(found.size());
    };
    report_["reconstruction"]["labels_kept_percent"] = percent(decoded);
    report_["reconstruction"]["labels_kept_percent_of_originals"] = percent(images_);
  }

  void samples() {
    const auto drawn = sample(model_, options_.samples,
                              {options_.temperature, options_.residual_temperature, common_.seed});
    report_["sharpness"]["samples"] = sharpness(drawn).mean();
    report_["sharpness"]["samples_stderr"] =
        finite_or_null(report_, "sharpness.samples_stderr", sharpness(drawn).standard_error());
    report_["sharpness"]["samples_count"] = drawn.size();
    if (!options_.pictures.empty()) {
      write_picture("samples", mosaic(drawn.slice(0, std::min<size_t>(100, drawn.size())), 10));
    }
  }

  void code() {
    CodingOptions coding;
    coding.archive = true;
    if (options_.step > 0) coding.step = static_cast<uint32_t>(std::lround(options_.step * 1024));
    EncodedImages encoded;
    time("encode", [&] { encoded = encode_images(model_, images_, coding); });
    const CodeFile file(encoded.frame);
    const auto& frame = file.frames()[0];
    const auto ends = breakpoints(frame);
    const auto dims = static_cast<double>(images_.pixels().size());
    const auto count = static_cast<double>(images_.size());
    auto& out = report_["code"];
    out["step"] = static_cast<double>(frame.header().step) / 1024;
    out["lossless"] = frame.header().lossless();
    out["file_bytes"] = encoded.frame.size();
    out["file_bits_per_dim"] = 8 * static_cast<double>(encoded.frame.size()) / dims;
    out["overhead_bytes_per_image"] = static_cast<double>(frame.overhead_bytes()) / count;
    double ideal_bits = 0;
    Json layers = Json::array();
    std::vector<double> previous;  // squared error of each image
    for (size_t k = 0; k < encoded.layers.size(); ++k) {
      const auto& layer = encoded.layers[k];
      ImageSet decoded;
      time("decode_" + layer.name,
           [&] { decoded = decode_all(model_, frame, static_cast<int>(k) + 1); });
      Psnr pooled;
      std::vector<double> errors;
      size_t worse = 0;
      for (size_t i = 0; i < images_.size(); ++i) {
        Psnr one;
        one.add(images_.data(i), decoded.data(i), images_.geometry().samples());
        pooled.add(images_.data(i), decoded.data(i), images_.geometry().samples());
        errors.push_back(one.mse());
        if (k > 0 && errors[i] > previous[i]) ++worse;
      }
      previous = errors;
      ideal_bits += layer.ideal_bits;
      const double coded_bits = 8 * static_cast<double>(layer.payload_bytes);
      layers.push_back(
          {{"name", layer.name},
           {"payload_bytes", layer.payload_bytes},
           {"model_blocks", layer.model_blocks},
           {"plain_blocks", layer.plain_blocks},
           {"payload_bytes_per_image", static_cast<double>(layer.payload_bytes) / count},
           {"ideal_bytes", layer.ideal_bits / 8},
           {"gap_percent", 100 * (coded_bits / layer.ideal_bits - 1)},
           {"prefix_bytes_per_image", static_cast<double>(ends[k].offset) / count},
           {"prefix_bits_per_dim", 8 * static_cast<double>(ends[k].offset) / dims},
           {"psnr_db", finite_or_null(report_, "code.layers.psnr_db", pooled.pooled_db())},
           {"images_made_worse_percent", 100 * static_cast<double>(worse) / count}});
    }
    out["ideal_bits_per_dim"] = ideal_bits / dims;
    out["layers"] = layers;
  }

  void write_beside_originals(const std::string& kind, const ImageSet& copies) {
    if (options_.pictures.empty()) return;
    const size_t n = std::min<size_t>(images_.size(), 60);
    const auto above = images_.slice(0, n), below = copies.slice(0, n);
    write_picture(kind, stacked_mosaic({&above, &below}, 15));
  }

  std::string picture_path(const std::string& kind) const {
    return (std::filesystem::path(options_.pictures) / (label_ + "-" + kind + ".png")).string();
  }

  void write_picture(const std::string& kind, const Image& picture) {
    make_folder(options_.pictures);
    write_output(picture_path(kind), encode_image(picture, ImageFormat::kPng), options_.force, "");
  }

  const CommonOptions& common_;
  const EvalOptions& options_;
  std::string label_;  // the model file's name without folder and suffix
  LoadedModel model_;
  ImageSource data_;
  ImageSet images_;
  Json report_;
};

}  // namespace

int run_eval(const CommonOptions& common, const EvalOptions& options) {
  Json reports = Json::array();
  for (const auto& name : options.models) {
    const auto report = Evaluation(common, options, name).run();
    reports.push_back(report);
    std::cout << (common.json ? report.dump() + "\n" : as_table(report)) << std::flush;
  }
  if (!options.csv.empty()) {
    const auto text = as_csv(reports);
    write_output(options.csv, Bytes(text.begin(), text.end()), options.force, "");
  }
  return 0;
}

}  // namespace pie

// flow-eval: figures of models and of images. This half parses, and measures images without a
// model; tools/engine/eval.cc does the rest.
#include "tools/flow_eval.h"

#include <iostream>

#include "lib/image/image_source.h"
#include "lib/image/quality.h"
#include "tools/common/files.h"
#include "tools/common/load_engine.h"
#include "tools/common/options.h"
#include "tools/common/report.h"
#include "tools/common/run_main.h"
#include "tools/common/shard_option.h"

namespace pie {
namespace {

constexpr const char* kExamples =
    "  flow-eval --images t10k-images-idx3-ubyte.gz    sharpness, without a model\n"
    "  flow-eval -m pie-mnist t10k-images-idx3-ubyte.gz --json\n"
    "  flow-eval -m pie-mnist --metrics code --step 0.125 t10k-images-idx3-ubyte.gz\n";

// Sharpness of any set of images, of any sizes.
int measure_images(const EvalOptions& options, const CommonOptions& common) {
  const ImageSource source(options.images, options.data_options(common.source_options()));
  RunningMean mean;
  for (size_t i = 0; i < source.size(); ++i) {
    const auto image = source.load(i);
    ImageSet one(image.shape);
    one.append(image);
    mean.add(sharpness(one.shape(), one.data()));
  }
  Json report = {{"schema", "pie.flow-eval/1"},
                 {"data", {{"images", source.size()}}},
                 {"sharpness", {{"kernel", "laplacian_4n_valid"}, {"on", "luma_bt601_0_1"}}},
                 {"warnings", Json::array()}};
  report["sharpness"]["data"] = finite_or_null(report, "sharpness.data", mean.mean());
  report["sharpness"]["data_stderr"] =
      finite_or_null(report, "sharpness.data_stderr", mean.standard_error());
  const auto reports = Json::array({report});
  std::cout << (common.json ? as_json(reports, true) : as_table(reports, common.verbose > 0));
  if (!options.csv.empty()) {
    const auto text = as_csv(reports);
    write_output(options.csv, Bytes(text.begin(), text.end()), options.force);
  }
  return 0;
}

// Images as they are named on the command line.
struct ImageNames {
  std::vector<std::string> images, data, neighbours;
};

void add_input_options(CLI::App& app, EvalOptions& options, ImageNames& names) {
  app.add_option("DATA", names.data, "Images: files, folders, IDX, CIFAR; PATH[begin:end]");
  app.option_defaults()->group("What to measure");
  app.add_option("-m,--model", options.models, "Model: a file or name; may be given several times")
      ->type_name("MODEL")
      ->allow_extra_args(false);
  app.add_option("--images", names.images, "Images whose sharpness is reported as data")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option("--labels", options.labels,
                 "Labels of DATA (IDX); default: the sibling labels-idx1 file")
      ->type_name("FILE");
  app.add_option("--neighbours", names.neighbours,
                 "Labelled reference images: report how many reconstructions keep the label of "
                 "their nearest neighbour in pixels, and how many labels the nearest in z gives")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option("--metrics", options.metrics,
                 "Some of them, with commas between; if not given, all that the model has")
      ->type_name("LIST")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"likelihood", "reconstruction", "classification", "sharpness",
                             "samples", "latents", "code"}));
  add_shard_option(app, options.shard,
                   "Only this part of DATA, for commands that run side by side: 1/4, 2/4, ...");
  app.add_option("--features", options.features,
                 "A classifier: report the Frechet distance between DATA and samples, or --images "
                 "without a model, in the features it decides by")
      ->type_name("MODEL");
}

void add_measuring_options(CLI::App& app, EvalOptions& options) {
  app.option_defaults()->group("How to measure");
  app.add_option("--logdet", options.log_det,
                 "How an i-ResNet's log-determinant is computed: exact is for small images, series "
                 "is biased, within a bound; roulette, the default, is not; a PIE's is exact")
      ->type_name("HOW")
      ->check(CLI::IsMember({"exact", "series", "roulette"}));
  app.add_option("--terms", options.terms,
                 "Terms of the series, or those that roulette always sums; 20, and 4, if not given")
      ->type_name("N")
      ->check(CLI::Range(1, 100000));
  app.add_option("--probes", options.probes, "Random probes of each trace")
      ->type_name("N")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app.add_option("--iterations", options.iterations,
                 "Also report an i-ResNet's inversion error after these numbers of iterations")
      ->type_name("LIST")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 100000));
  app.add_option("--noise-draws", options.noise_draws, "Dequantizations of each image")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--samples", options.samples, "Samples drawn for their sharpness")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--temperature", options.temperatures,
                 "Of the samples' z; several, as in 1,0.7,0.5, are reported one by one")
      ->type_name("T")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(finite_number())
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  app.add_option("--residual-temperature", options.residual_temperature,
                 "Of the samples' residuals")
      ->type_name("R")
      ->check(finite_number())
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  app.add_option("--step", options.step, "Quantization step of the code; 0.1015625 if not given")
      ->type_name("S")
      ->check(finite_number())
      ->check(CLI::Range(1.0 / 1024, 8.0));
}

void add_output_options(CLI::App& app, EvalOptions& options) {
  app.option_defaults()->group("Output");
  app.add_option("--csv", options.csv, "Also write the figures to this CSV file")
      ->type_name("FILE");
  app.add_option("--html", options.html,
                 "Also write a page with all figures, charts and pictures to this file")
      ->type_name("FILE");
  app.add_option(
         "--pictures", options.pictures,
         "Also write reconstructions and inverses, originals above, and samples to this folder")
      ->type_name("DIR");
  app.add_flag("-f,--force", options.force, "Overwrite existing files");
}

// Inputs that every model is measured on: a pipe is read once for all of them.
std::vector<SlicedInput> parse_inputs(const std::vector<std::string>& names) {
  std::vector<SlicedInput> inputs;
  inputs.reserve(names.size());
  for (const auto& name : names) inputs.push_back(parse_sliced_input(name));
  return inputs;
}

// Figures without a model: how far sets of images are apart, or how sharp one is.
int run_without_model(const CommonOptions& common, EvalOptions& options) {
  if (!options.html.empty() || !options.pictures.empty()) {
    throw UsageError("--html, --pictures and --metrics need a model; give one with -m");
  }
  if (!options.features.empty()) {
    if (options.images.empty() || options.data.empty()) {
      throw UsageError("--features without a model compares --images with DATA; give both");
    }
    if (!options.csv.empty()) throw UsageError("--csv with --features needs a model; give -m");
    return load_engine(common).eval(common, options);
  }
  if (!options.metrics.empty()) {
    throw UsageError("--html, --pictures and --metrics need a model; give one with -m");
  }
  if (options.images.empty()) options.images = options.data;
  if (options.images.empty()) throw UsageError("give images, or a model with -m; try --help");
  return measure_images(options, common);
}

int run(int argc, char** argv) {
  CommonOptions common;
  EvalOptions options;
  ImageNames names;
  CLI::App app(
      "Measures models on images: likelihood, reconstruction, sharpness, code size. Without "
      "a model, the sharpness of images.",
      "flow-eval");
  add_input_options(app, options, names);
  add_measuring_options(app, options);
  add_output_options(app, options);
  add_common_options(app, common, kExamples);
  const int code = parse_command_line(app, common, argc, argv);
  if (code >= 0) return code;
  options.images = parse_inputs(names.images);
  options.data = parse_inputs(names.data);
  options.neighbours = parse_inputs(names.neighbours);
  // Refuses before the work, not after it.
  OutputPaths paths;
  for (const auto* inputs : {&options.images, &options.data, &options.neighbours}) {
    for (const auto& sliced : *inputs) paths.add_input(sliced.input.path());
  }
  paths.add_input(options.labels);
  for (const auto& [path, option] : {std::pair(options.csv, "--csv"), {options.html, "--html"}}) {
    if (path.empty()) continue;
    paths.claim(path, option);
    const OutputFile probe(path, options.force);
  }
  if (!options.features.empty() && !options.shard.is_all()) {
    throw UsageError("distances in features are of whole sets; not with --shard");
  }
  if (options.models.empty()) return run_without_model(common, options);
  if (!options.html.empty() && options.iterations.empty())
    options.iterations = {1, 2, 4, 8, 16, 32};
  if (options.data.empty()) options.data = options.images;
  if (options.data.empty()) throw UsageError("give images to evaluate the model on; try --help");
  return load_engine(common).eval(common, options);
}

}  // namespace
}  // namespace pie

int main(int argc, char** argv) {
  return pie::run_main("flow-eval", [&] { return pie::run(argc, argv); });
}

// The second half of flow-eval: figures that need a model.
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/eval/feature_space.h"
#include "lib/eval/model_images.h"
#include "lib/image/image_io.h"
#include "lib/model/model_store.h"
#include "tools/common/files.h"
#include "tools/common/run_main.h"
#include "tools/engine/commands.h"
#include "tools/engine/device.h"
#include "tools/engine/model_report.h"
#include "tools/engine/report_page.h"

namespace pie {
namespace {

std::string picture_path(const std::string& folder, const std::string& label,
                         const std::string& kind) {
  return (std::filesystem::path(folder) / (label + "-" + kind + ".png")).string();
}

void write_text(const std::string& path, const std::string& text, bool force) {
  write_output(path, Bytes(text.begin(), text.end()), force);
}

// Without a model: how far the images are from the data, in a classifier's features.
Json compare_images(const CommonOptions& common, const EvalOptions& options) {
  const ImageSource data(options.data, common.source_options());
  const ImageSource images(options.images, common.source_options());
  auto classifier = on_device(common, find_model(options.features));
  const auto shape = classifier.model->input_shape();
  const FeatureSpace space(std::move(classifier), load_all(data, shape));
  Json report = {{"schema", "pie.flow-eval/1"},
                 {"data", {{"images", data.size()}}},
                 {"images", {{"images", images.size()}}},
                 {"warnings", Json::array()}};
  report["images"]["frechet_distance"] =
      finite_or_null(report, "images.frechet_distance", space.distance(load_all(images, shape)));
  return report;
}

// Refuses before the work, not after it.
void refuse_existing_pictures(const EvalOptions& options) {
  std::vector<std::string> kinds{"reconstructions", "inverses", "samples", "interpolations"};
  for (const double temperature : options.temperatures) kinds.push_back(samples_kind(temperature));
  std::set<std::string> labels;
  for (const auto& name : options.models) {
    if (!labels.insert(model_label(name)).second) {
      throw UsageError("two models are called " + model_label(name) +
                       ", and so would their pictures be; rename one");
    }
    for (const auto& kind : kinds) {
      const auto path = picture_path(options.pictures, model_label(name), kind);
      if (std::filesystem::exists(path)) OutputFile probe(path, options.force);
    }
  }
}

void write_pictures(const ModelReport& report, const EvalOptions& options,
                    const std::string& name) {
  make_folder(options.pictures);
  for (const auto& picture : report.pictures) {
    write_output(picture_path(options.pictures, model_label(name), picture.kind),
                 encode_image(picture.image, "png"), options.force);
  }
}

}  // namespace

int run_eval(const CommonOptions& common, const EvalOptions& options) {
  const auto print = [&](const Json& reports) {
    std::cout << (common.json ? as_json(reports, options.models.size() <= 1)
                              : as_table(reports, common.verbose > 0))
              << std::flush;
  };
  if (options.models.empty()) {
    print(Json::array({compare_images(common, options)}));
    return 0;
  }
  if (!options.pictures.empty()) refuse_existing_pictures(options);
  std::vector<ModelReport> reports;
  Json figures = Json::array();
  ExitCode worst = ExitCode::kOk;
  for (const auto& name : options.models) {
    // What has been measured of one model is not lost because of another.
    worst = worse(worst, run_for_file(name, [&] {
                    reports.push_back(evaluate_model(common, options, name));
                    figures.push_back(reports.back().figures);
                    if (!options.pictures.empty()) write_pictures(reports.back(), options, name);
                    return ExitCode::kOk;
                  }));
  }
  if (reports.empty()) return static_cast<int>(worst);
  print(figures);
  if (!options.csv.empty()) write_text(options.csv, as_csv(figures), options.force);
  if (!options.html.empty()) write_text(options.html, report_page(reports), options.force);
  return static_cast<int>(worst);
}

}  // namespace pie

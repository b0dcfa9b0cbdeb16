// The second half of flow-eval: figures that need a model.
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/image/image_io.h"
#include "tools/common/files.h"
#include "tools/engine/commands.h"
#include "tools/engine/feature_space.h"
#include "tools/engine/model_report.h"
#include "tools/engine/report_page.h"

namespace pie {
namespace {

std::string picture_path(const std::string& folder, const std::string& label,
                         const std::string& kind) {
  return (std::filesystem::path(folder) / (label + "-" + kind + ".png")).string();
}

void write_text(const std::string& path, const std::string& text, bool force) {
  write_output(path, Bytes(text.begin(), text.end()), force, "");
}

}  // namespace

int run_eval(const CommonOptions& common, const EvalOptions& options) {
  const auto print = [&](const Json& report) {
    std::cout << (common.json ? report.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"
                              : as_table(report))
              << std::flush;
  };
  if (options.models.empty()) {
    print(compare_images(options));
    return 0;
  }
  // Refuses before the work, not after it.
  if (!options.pictures.empty()) {
    std::vector<std::string> kinds{"reconstructions", "inverses", "samples", "interpolations"};
    for (const double temperature : options.temperatures) {
      kinds.push_back(samples_kind(temperature));
    }
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
  std::vector<ModelReport> reports;
  Json figures = Json::array();
  for (const auto& name : options.models) {
    reports.push_back(evaluate_model(common, options, name));
    figures.push_back(reports.back().figures);
    print(reports.back().figures);
    if (options.pictures.empty()) continue;
    make_folder(options.pictures);
    for (const auto& picture : reports.back().pictures) {
      write_output(picture_path(options.pictures, model_label(name), picture.kind),
                   encode_image(picture.image, ImageFormat::kPng), options.force, "");
    }
  }
  if (!options.csv.empty()) write_text(options.csv, as_csv(figures), options.force);
  if (!options.html.empty()) write_text(options.html, report_page(reports), options.force);
  return 0;
}

}  // namespace pie

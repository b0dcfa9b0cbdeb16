// All figures of one model on one set of images.
#pragma once

#include <string>
#include <vector>

#include "lib/image/image.h"
#include "tools/common/options.h"
#include "tools/common/report.h"
#include "tools/flow_eval.h"

namespace pie {

struct ReportPicture {
  std::string kind;     // "reconstructions", "samples", ...
  std::string caption;  // what is to be seen
  Image image;
};

struct ModelReport {
  Json figures;  // schema pie.flow-eval/1
  std::vector<ReportPicture> pictures;
};

// What flow-eval reports about the model called `name`. Throws like the library.
ModelReport evaluate_model(const CommonOptions& common, const EvalOptions& options,
                           const std::string& name);

// The name of a model in reports and of its pictures: its file's without folder and suffix.
std::string model_label(const std::string& name);

// The kind of the picture of samples at a temperature that is not the first.
std::string samples_kind(double temperature);

}  // namespace pie

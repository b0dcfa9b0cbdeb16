// What the code file of a set of images costs, and what each of its layers gives back.
#pragma once

#include <vector>

#include "lib/base/progress_callback.h"
#include "lib/image/image.h"
#include "lib/model/model_file.h"
#include "tools/common/report.h"
#include "tools/flow_eval.h"

namespace pie {

// Adds "code" and the times of coding to `report`; with --html also JPEG's curve of one set.
void report_code(Json& report, const LoadedModel& model, const std::vector<ImageSet>& sets,
                 const EvalOptions& options, const ProgressCallback& progress);

}  // namespace pie

// What the code file of a set of images costs, and what each of its layers gives back.
#pragma once

#include "lib/image/image.h"
#include "lib/model/model_file.h"
#include "tools/common/report.h"
#include "tools/flow_eval.h"

namespace pie {

// Adds "code" and the times of coding to `report`; with --html also JPEG's curve.
void report_code(Json& report, const LoadedModel& model, const ImageSet& images,
                 const EvalOptions& options);

}  // namespace pie

// flow-eval --html: one page with everything in it.
#pragma once

#include <string>
#include <vector>

#include "tools/engine/model_report.h"

namespace pie {

// A self-contained HTML page (inline SVG and PNG, no script, no network) that shows the reports of
// several models side by side. Every number on it is in their JSON.
std::string report_page(const std::vector<ModelReport>& reports);

}  // namespace pie

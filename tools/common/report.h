// Reports of figures: one JSON object, shown as JSON, a table or CSV.
#pragma once

#include <functional>
#include <string>

#include "lib/store/json.h"

namespace pie {

// `value`, or null with `name` added to report["warnings"] if it is not finite.
Json finite_or_null(Json& report, const std::string& name, double value);

// Does `work` and notes its seconds in report["time_s"][name].
void timed(Json& report, const std::string& name, const std::function<void()>& work);

// The figures of an array of reports for people: a column for each, headed by its model, and few
// digits; warnings below. Without details, only what one compares.
std::string as_table(const Json& reports, bool with_details);

// One document: the reports as an array, or if `alone` the only one by itself.
std::string as_json(const Json& reports, bool alone);

// One document on stdout, a line for each value.
void print_json(const Json& document);

// A header line of dotted paths and one line of values for each report.
std::string as_csv(const Json& reports);

}  // namespace pie

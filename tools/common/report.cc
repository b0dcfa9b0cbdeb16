#include "tools/common/report.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "tools/common/files.h"

namespace pie {
namespace {

// What only --json and --html show: lists that grow with images or training, and the whole preset.
bool is_long(const std::string& key) {
  return key == "curve" || key == "points" || key == "configuration";
}

using Rows = std::vector<std::pair<std::string, Json>>;

// The numbers and texts of a report by dotted path. Objects in an array that have a name go by it
// if `named`, all others by their number.
void flatten(const Json& json, bool named, const std::string& path, Rows& out) {
  if (!json.is_structured()) {
    out.emplace_back(path, json);
    return;
  }
  size_t index = 0;
  for (const auto& item : json.items()) {
    auto key = json.is_array() ? std::to_string(index++) : item.key();
    if (is_long(key)) continue;
    if (named && json.is_array() && item.value().is_object() && item.value().contains("name")) {
      key = item.value()["name"].get<std::string>();
    }
    flatten(item.value(), named, path.empty() ? key : path + "." + key, out);
  }
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// A figure with the digits that a person compares.
std::string short_text(const Json& value) {
  if (value.is_null()) return "-";
  if (!value.is_number_float()) return text_of(value);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value.get<double>());
  return text.data();
}

// What a table leaves out: what is said elsewhere, or the same in all.
bool is_known(const std::string& path) {
  static const std::set<std::string> kKnown{
      "schema", "tool", "model.name", "likelihood.definition", "sharpness.kernel", "sharpness.on"};
  return has_suffix(path, ".name") || kKnown.count(path) > 0 || path.rfind("warnings", 0) == 0;
}

// What tells why a figure is as it is, or what it took, and not how good a model is.
bool is_detail(const std::string& path) {
  constexpr std::array kGroups{"training.",    "time_s.",
                               "env.",         "likelihood.parts_bits_per_dim.",
                               "latents.map.", "likelihood.logdet."};
  constexpr std::array kOfLayers{".payload_bytes",
                                 ".payload_bytes_per_image",
                                 ".model_blocks",
                                 ".plain_blocks",
                                 ".ideal_bytes",
                                 ".gap_percent",
                                 ".images_made_worse_percent"};
  return std::any_of(kGroups.begin(), kGroups.end(),
                     [&](const char* group) { return path.rfind(group, 0) == 0; }) ||
         std::any_of(kOfLayers.begin(), kOfLayers.end(),
                     [&](const char* name) { return has_suffix(path, name); });
}

// A name, and what each report says of it.
using TableRow = std::pair<std::string, std::vector<std::string>>;

// Rows in the order of the reports; what only later ones have stands where it stands there.
std::vector<TableRow> rows_of(const Json& reports, bool with_details) {
  std::vector<TableRow> table;
  for (size_t column = 0; column < reports.size(); ++column) {
    Rows figures;
    flatten(reports[column], true, "", figures);
    auto at = table.begin();
    for (const auto& [path, value] : figures) {
      if (is_known(path) || (!with_details && is_detail(path))) continue;
      const auto same = std::find_if(table.begin(), table.end(), [&, &key = path](const auto& row) {
        return row.first == key;
      });
      at = same != table.end() ? same
                               : table.insert(at, {path, std::vector<std::string>(reports.size())});
      at->second[column] = short_text(value);
      ++at;
    }
  }
  return table;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

}  // namespace

Json finite_or_null(Json& report, const std::string& name, double value) {
  if (std::isfinite(value)) return value;
  report["warnings"].push_back(name + " is not finite");
  return nullptr;
}

void timed(Json& report, const std::string& name, const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  report["time_s"][name] = seconds.count();
}

std::string as_json(const Json& reports, bool alone) {
  const Json& document = alone ? reports[0] : reports;
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string as_table(const Json& reports, bool with_details) {
  const auto table = rows_of(reports, with_details);
  TableRow head;
  std::string text, group, warnings;
  for (const auto& report : reports) {
    head.second.push_back(report.contains("model") ? text_of(report["model"]["name"]) : "");
    for (const auto& warning : report["warnings"]) {
      const auto of = reports.size() > 1 ? head.second.back() + ": " : "";
      warnings += "warning: " + of + text_of(warning) + "\n";
    }
  }
  std::vector<size_t> widths;
  for (const auto& name : head.second) widths.push_back(name.size());
  size_t widest = 0;
  for (const auto& [path, values] : table) {
    widest = std::max(widest, path.size() - (path.find('.') + 1) + 2);
    for (size_t column = 0; column < values.size(); ++column) {
      widths[column] = std::max(widths[column], values[column].size());
    }
  }
  const auto add_line = [&](std::string line, const std::vector<std::string>& values) {
    line.resize(std::max(line.size(), widest), ' ');
    for (size_t column = 0; column < values.size(); ++column) {
      line += "  " + std::string(widths[column] - values[column].size(), ' ') + values[column];
    }
    line.resize(line.find_last_not_of(' ') + 1);
    if (!line.empty()) text += line + "\n";
  };
  add_line("", head.second);
  for (const auto& [path, values] : table) {
    const auto dot = path.find('.');
    if (path.substr(0, dot) != group) text += (group = path.substr(0, dot)) + "\n";
    add_line("  " + path.substr(dot + 1), values);
  }
  return text + warnings;
}

void print_json(const Json& document) {
  std::cout << document.dump(1, ' ', false, Json::error_handler_t::replace) << "\n";
}

std::string as_csv(const Json& reports) {
  std::vector<std::string> columns;
  std::vector<std::map<std::string, std::string>> lines;
  for (const auto& report : reports) {
    Rows rows;
    flatten(report, false, "", rows);
    auto& line = lines.emplace_back();
    for (const auto& row : rows) {
      line[row.first] = text_of(row.second);
      if (std::find(columns.begin(), columns.end(), row.first) == columns.end()) {
        columns.push_back(row.first);
      }
    }
  }
  std::string text;
  for (const auto& column : columns) text += (text.empty() ? "" : ",") + csv_field(column);
  text += "\n";
  for (auto& line : lines) {
    for (const auto& column : columns) text += csv_field(line[column]) + ",";
    text.back() = '\n';
  }
  return text;
}

}  // namespace pie

#include "tools/common/report.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

namespace pie {
namespace {

// What only --json and --html show: lists that grow with images or training, and the whole preset.
bool is_long(const std::string& key) {
  return key == "curve" || key == "points" || key == "configuration";
}

void flatten(const Json& json, const std::string& path,
             std::vector<std::pair<std::string, std::string>>& out) {
  if (json.is_structured()) {
    size_t index = 0;
    for (const auto& item : json.items()) {
      const auto key = json.is_array() ? std::to_string(index++) : item.key();
      if (is_long(key)) continue;
      flatten(item.value(), path.empty() ? key : path + "." + key, out);
    }
  } else {
    out.emplace_back(path, json.is_string() ? json.get<std::string>() : json.dump());
  }
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

std::string as_table(const Json& report) {
  std::vector<std::pair<std::string, std::string>> rows;
  flatten(report, "", rows);
  std::string text;
  for (const auto& [key, value] : rows) text += key + "\t" + value + "\n";
  return text;
}

std::string as_csv(const Json& reports) {
  std::vector<std::string> columns;
  std::vector<std::map<std::string, std::string>> lines;
  for (const auto& report : reports) {
    std::vector<std::pair<std::string, std::string>> rows;
    flatten(report, "", rows);
    lines.emplace_back(rows.begin(), rows.end());
    for (const auto& row : rows) {
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

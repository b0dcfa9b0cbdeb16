#include "lib/model/config_section.h"

namespace pie {
namespace {

// Text as a value; JSON is UTF-8, and says so only where it is written.
Json text_value(const std::string& text) {
  Json value = text;
  try {
    value.dump();
  } catch (const nlohmann::json::exception&) {
    throw UsageError("a setting is UTF-8, not '" + text + "'");
  }
  return value;
}

}  // namespace

void set_value(Json& json, const std::string& assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UsageError("a setting is key=value, not '" + assignment + "'");
  }
  const std::string path = assignment.substr(0, equals);
  const std::string text = assignment.substr(equals + 1);
  Json* node = &json;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t dot = std::min(path.find('.', begin), path.size());
    const std::string key = path.substr(begin, dot - begin);
    const bool index = !key.empty() && key.find_first_not_of("0123456789") == std::string::npos;
    if (node->is_array() && index && key.size() < 6 && std::stoul(key) < node->size()) {
      node = &(*node)[std::stoul(key)];
    } else if (node->is_object() &&
               (node->contains(key) ||
                (dot == path.size() && (node->contains("kind") || node->contains("entry"))))) {
      node = &(*node)[key];  // a block or scale may override any default; parsing checks it
    } else {
      throw UsageError("the configuration has no '" + path + "'");
    }
    begin = dot + 1;
  }
  const Json value = parse_json(text);
  *node = value.is_discarded() ? text_value(text) : value;
}

}  // namespace pie

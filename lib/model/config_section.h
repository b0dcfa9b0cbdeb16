// Strict reading of configuration objects.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/store/json.h"

namespace pie {

// Sets the value at a dotted path ("conv.hidden", "blocks.2.keep") of a preset; `assignment` is
// "key=value" with a JSON value or a bare string. Throws UsageError for a path that does not exist,
// so that typing errors show.
void set_value(Json& json, const std::string& assignment);

// A key that no configuration has: a typing error, or in a file one of a newer version.
class UnknownKeyError : public UsageError {
 public:
  using UsageError::UsageError;
};

// A JSON object whose keys are all known; every failure is a UsageError that names the key by its
// full path.
class ConfigSection {
 public:
  ConfigSection(const Json& json, std::string path, std::initializer_list<const char*> known)
      : json_(json), path_(std::move(path)) {
    if (!json.is_object()) throw UsageError("configuration: " + path_ + " must be an object");
    for (const auto& item : json.items()) {
      if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
        throw UnknownKeyError("configuration: unknown key '" + where(item.key()) + "'");
      }
    }
  }

  bool has(const std::string& key) const { return json_.contains(key); }

  template <typename T>
  T get(const std::string& key) const {
    if (!has(key)) throw UsageError("configuration: '" + where(key) + "' is missing");
    try {
      return json_.at(key).get<T>();
    } catch (const nlohmann::json::exception&) {
      throw UsageError("configuration: '" + where(key) + "' has the wrong type");
    }
  }

  // A whole number from `low` to `high`.
  int64_t integer(const std::string& key, int64_t low, int64_t high) const {
    if (has(key) && !json_.at(key).is_number_integer()) {
      throw UsageError("configuration: '" + where(key) + "' must be a whole number");
    }
    const auto value = get<int64_t>(key);
    if (value < low || value > high) {
      throw UsageError("configuration: '" + where(key) + "' must be from " + std::to_string(low) +
                       " to " + std::to_string(high) + ", not " + std::to_string(value));
    }
    return value;
  }

  // A finite number from `low` to `high`.
  double number(const std::string& key, double low, double high) const {
    const auto value = get<double>(key);
    if (!(value >= low && value <= high)) {
      throw UsageError("configuration: '" + where(key) + "' must be from " + Json(low).dump() +
                       " to " + Json(high).dump() + ", not " + Json(value).dump());
    }
    return value;
  }

  std::string choice(const std::string& key, std::initializer_list<const char*> choices) const {
    auto value = get<std::string>(key);
    if (std::find(choices.begin(), choices.end(), value) != choices.end()) return value;
    std::string list;
    for (const char* c : choices) list += (list.empty() ? "" : ", ") + std::string(c);
    throw UsageError("configuration: '" + where(key) + "' must be one of " + list + ", not '" +
                     value + "'");
  }

  std::string where(const std::string& key) const {
    return path_.empty() ? key : path_ + "." + key;
  }

 private:
  Json json_;
  std::string path_;
};

}  // namespace pie

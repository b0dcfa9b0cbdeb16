// JSON, with its keys in order, and within limits.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace pie {

using Json = nlohmann::ordered_json;

// Parses `text`; the result is discarded if it is not JSON, or nested deeper, or with more keys in
// an object, than anything of ours: much of the JSON library calls itself for each level and would
// run out of stack, and what keeps the order of keys searches all of them for each; or if it has a
// zero byte, which the library takes for the end, whatever follows. `Value` keeps that order, or
// finds any key in no time (nlohmann::json).
template <typename Value = Json>
Value parse_json(const std::string& text) {
  constexpr int kDeepest = 16, kMostKeys = 10000;
  int keys[kDeepest + 2] = {};  // of the object that is open at a depth
  bool refused = text.find('\0') != std::string::npos;
  const auto value = Value::parse(
      text,
      [&](int depth, typename Value::parse_event_t event, Value&) {
        refused = refused || depth > kDeepest;
        if (refused) return false;
        if (event == Value::parse_event_t::object_start) keys[depth + 1] = 0;
        if (event == Value::parse_event_t::key) refused = ++keys[depth] > kMostKeys;
        return !refused;
      },
      false);
  return refused ? Value(Value::value_t::discarded) : value;
}

}  // namespace pie

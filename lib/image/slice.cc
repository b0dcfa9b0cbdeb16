#include "lib/image/slice.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "lib/base/error.h"

namespace pie {
namespace {

[[noreturn]] void refuse(const std::string& brackets) {
  throw UsageError("\"" + brackets +
                   "\" is not a slice; write [begin:end], [begin:], [:end] or [index]");
}

// An optional sign and digits; nothing if the text is empty.
std::optional<std::int64_t> parse_bound(const std::string& text, const std::string& brackets) {
  if (text.empty()) return std::nullopt;
  const bool negative = text[0] == '-';
  const std::string digits = text.substr(negative ? 1 : 0);
  // 18 digits always fit 64 bits, and no data set is larger.
  if (digits.empty() || digits.size() > 18 ||
      digits.find_first_not_of("0123456789") != std::string::npos) {
    refuse(brackets);
  }
  const std::int64_t value = std::stoll(digits);
  return negative ? -value : value;
}

std::size_t resolve_bound(std::int64_t bound, std::size_t count) {
  const std::int64_t size = static_cast<std::int64_t>(count);
  const std::int64_t from_start = bound < 0 ? size + bound : bound;
  return static_cast<std::size_t>(std::clamp<std::int64_t>(from_start, 0, size));
}

}  // namespace

SlicedInput parse_sliced_input(const std::string& text) {
  const std::size_t open = text.rfind('[');
  if (open == std::string::npos || open == 0 || text.back() != ']')
    return {Input(text), std::nullopt};
  const std::string brackets = text.substr(open);
  const std::string inside = brackets.substr(1, brackets.size() - 2);
  if (inside.find_first_not_of("-0123456789:") != std::string::npos)
    return {Input(text), std::nullopt};
  std::error_code ignored;
  if (std::filesystem::exists(text, ignored)) return {Input(text), std::nullopt};

  Slice slice;
  const std::size_t colon = inside.find(':');
  if (colon == std::string::npos) {
    slice.begin = parse_bound(inside, brackets);
    if (!slice.begin) refuse(brackets);
    // [-1] is the last image, and there is no number for "one past the last".
    if (*slice.begin != -1) slice.end = *slice.begin + 1;
  } else {
    slice.begin = parse_bound(inside.substr(0, colon), brackets);
    slice.end = parse_bound(inside.substr(colon + 1), brackets);
  }
  return {Input(text.substr(0, open)), slice};
}

IndexRange resolve_slice(const Slice& slice, std::size_t count, const std::string& name) {
  IndexRange range{0, count};
  if (slice.begin) range.begin = resolve_bound(*slice.begin, count);
  if (slice.end) range.end = resolve_bound(*slice.end, count);
  if (range.begin >= range.end) {
    throw UsageError(name + ": the slice selects none of " + std::to_string(count) + " images");
  }
  return range;
}

}  // namespace pie

// Python-like slices behind a path on the command line: PATH[begin:end] and PATH[index].
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/input.h"

namespace pie {

// A half-open range of indices. A missing bound is the beginning or the end; a negative one counts
// from the end.
struct Slice {
  std::optional<std::int64_t> begin;
  std::optional<std::int64_t> end;
};

// A range of indices into something of known size.
struct IndexRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t size() const { return end - begin; }
};

// An input and which of its images are meant.
struct SlicedInput {
  Input input;
  std::optional<Slice> slice;
};

// Splits "set.gz[0:55000]", "set.gz[-5000:]", "folder[:100]" and "set.gz[7]" (that one image) into
// input and slice. Text that names an existing file or folder as it stands is taken literally, so
// files with brackets in their names stay reachable. Throws UsageError if the brackets hold digits,
// signs and colons that are no slice (there are no steps).
SlicedInput parse_sliced_input(const std::string& text);

// The indices that `slice` selects from `count`, clipped to what exists as Python does: [0:55000]
// of 100 images is all of them. Throws UsageError, naming `name`, if it selects nothing.
IndexRange resolve_slice(const Slice& slice, std::size_t count, const std::string& name);

}  // namespace pie

// The hash that proves pixels right (FORMAT.md, 3.3).
#pragma once

#include <cstdint>
#include <optional>

#include "lib/base/checksum.h"
#include "lib/image/sample_view.h"

namespace pie {

// XXH3 of the samples of images: reading order, channels interleaved, 16-bit samples little-endian.
class PixelHash {
 public:
  // `low`: the low bytes of 16-bit samples, whose high bytes are `high`.
  void add(const SampleView& high, const std::optional<SampleView>& low);
  uint64_t digest() const { return hash_.digest(); }

 private:
  Xxh3 hash_;
};

}  // namespace pie

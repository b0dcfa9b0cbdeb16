// CIFAR-10 binary files: records of one label byte and a planar 3x32x32 image.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/file.h"
#include "lib/image/image.h"

namespace pie {

constexpr std::uint64_t kCifarRecordBytes = 1 + 3 * 32 * 32;

struct LabeledImages {
  ImageSet images;  // 3x32x32 each
  Bytes labels;     // one for each image
};

// True if `path` ends in ".bin" and `file_bytes` is a whole, positive number of records: the format
// has no magic bytes.
bool is_cifar(const std::string& path, std::uint64_t file_bytes);

// All records of a file. Throws OperationError if it cannot be read, TruncatedError if it does not
// consist of whole records.
LabeledImages read_cifar(const std::string& path);

}  // namespace pie

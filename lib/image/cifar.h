// CIFAR-10 binary files: records of one label byte and a planar 3x32x32 image.
#pragma once

#include <cstdint>
#include <memory>

#include "lib/image/archive.h"

namespace pie {

constexpr std::uint64_t kCifarRecordBytes = 1 + 3 * 32 * 32;

// True if the input is a regular file whose name ends in ".bin" and whose size is a whole, positive
// number of records: the format has no magic bytes. Throws what reading throws.
bool is_cifar(const Input& input);

// Throws TruncatedError if the input does not consist of whole records.
std::unique_ptr<Archive> open_cifar(const Input& input);

// The record of an image. Throws UsageError if it is not one of 3x32x32 with 8 bits.
Bytes cifar_record(const Image& image, std::uint8_t label);

}  // namespace pie

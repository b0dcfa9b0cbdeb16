#include "lib/image/cifar.h"

#include <algorithm>

#include "lib/base/error.h"

namespace pie {

bool is_cifar(const std::string& path, std::uint64_t file_bytes) {
  return path.size() > 4 && path.compare(path.size() - 4, 4, ".bin") == 0 && file_bytes > 0 &&
         file_bytes % kCifarRecordBytes == 0;
}

LabeledImages read_cifar(const std::string& path) {
  const Bytes file = read_file(path);
  if (file.empty() || file.size() % kCifarRecordBytes != 0) {
    throw TruncatedError(path + ": its " + std::to_string(file.size()) +
                         " bytes are not whole CIFAR records of " +
                         std::to_string(kCifarRecordBytes));
  }
  const std::size_t count = file.size() / kCifarRecordBytes;
  LabeledImages result{ImageSet(Geometry{3, 32, 32}, count), Bytes(count)};
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* record = file.data() + i * kCifarRecordBytes;
    result.labels[i] = record[0];
    std::copy(record + 1, record + kCifarRecordBytes, result.images.data(i));
  }
  return result;
}

}  // namespace pie

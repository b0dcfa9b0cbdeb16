#include "lib/image/cifar.h"

#include <algorithm>
#include <string>

#include "lib/base/error.h"

namespace pie {
namespace {

const Shape kCifarShape{3, 32, 32};

class CifarFile final : public Archive {
 public:
  CifarFile(const Input& input, std::size_t count) : Archive(kCifarShape, count), input_(input) {}

  ImageSet read(std::size_t begin, std::size_t end) override {
    ImageSet images(shape(), end - begin);
    const Bytes records = read_records(begin, end);
    for (std::size_t i = 0; i < images.size(); ++i) {
      const std::uint8_t* record = records.data() + i * kCifarRecordBytes;
      std::copy(record + 1, record + kCifarRecordBytes, images.data(i));
    }
    return images;
  }

  std::optional<Bytes> labels() override {
    const Bytes records = read_records(0, size());
    Bytes labels(size());
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = records[i * kCifarRecordBytes];
    return labels;
  }

 private:
  Bytes read_records(std::size_t begin, std::size_t end) const {
    Bytes records = input_.read(begin * kCifarRecordBytes, (end - begin) * kCifarRecordBytes);
    if (records.size() < (end - begin) * kCifarRecordBytes) {
      throw TruncatedError(input_.name() + ": the CIFAR file ends early");
    }
    return records;
  }

  Input input_;
};

}  // namespace

bool is_cifar(const Input& input) {
  const std::string& path = input.path();
  if (path.size() <= 4 || path.compare(path.size() - 4, 4, ".bin") != 0) return false;
  return input.is_regular_file() && input.size() > 0 && input.size() % kCifarRecordBytes == 0;
}

Bytes cifar_record(const Image& image, std::uint8_t label) {
  if (image.shape != kCifarShape || image.bits != 8) {
    throw UsageError("a CIFAR file holds images of 3x32x32 with 8 bits, not of " +
                     to_string(image.shape) + " with " + std::to_string(image.bits));
  }
  Bytes record(kCifarRecordBytes, label);
  interleaved_to_planar(image.shape, image.samples.data(), record.data() + 1);
  return record;
}

std::unique_ptr<Archive> open_cifar(const Input& input) {
  const std::uint64_t size = input.size();
  if (size == 0 || size % kCifarRecordBytes != 0) {
    throw TruncatedError(input.name() + ": its " + std::to_string(size) +
                         " bytes are not whole CIFAR records of " +
                         std::to_string(kCifarRecordBytes));
  }
  return std::make_unique<CifarFile>(input, static_cast<std::size_t>(size / kCifarRecordBytes));
}

}  // namespace pie

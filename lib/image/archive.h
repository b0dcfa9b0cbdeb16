// Files that hold many images of one shape: IDX (plain or gzip) and CIFAR.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/input.h"
#include "lib/image/image.h"

namespace pie {

// An archive that has been opened: its header is read, its images are read as they are asked for.
class Archive {
 public:
  virtual ~Archive() = default;

  const Shape& shape() const { return shape_; }
  std::size_t size() const { return size_; }

  // The images [begin, end). Front to back is one pass through the file; going back in a gzip file
  // starts it again. With the last image the file has been checked to its end. Throws
  // TruncatedError or DamagedError for what is wrong with it, and what reading throws.
  virtual ImageSet read(std::size_t begin, std::size_t end) = 0;
  // The labels of all images, if they are in the same file. Throws like `read`.
  virtual std::optional<Bytes> labels() { return std::nullopt; }

 protected:
  Archive(const Shape& shape, std::size_t size) : shape_(shape), size_(size) {}

 private:
  Shape shape_;
  std::size_t size_;
};

// The archive that the input holds: an IDX file is told by its content, a CIFAR file by its suffix
// and its size. Nothing if it is none. Throws what reading throws, UnsupportedError for an IDX file
// of something else than images, TruncatedError or DamagedError if its header is wrong.
std::unique_ptr<Archive> open_archive(const Input& input);

}  // namespace pie

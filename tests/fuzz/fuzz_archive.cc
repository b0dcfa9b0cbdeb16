// IDX files of images and of labels, plain and inside gzip; CIFAR; gzip itself.
#include <algorithm>

#include "lib/image/cifar.h"
#include "lib/image/gzip.h"
#include "lib/image/idx.h"
#include "tests/fuzz/target.h"

namespace pie {
namespace {

void read_archive(std::unique_ptr<Archive> (*open)(const Input&), const Input& input) {
  failure([&] {
    const auto archive = open(input);
    const auto per_image = static_cast<std::size_t>(archive->shape().elements());
    const std::size_t some = std::min<std::size_t>(archive->size(), 3);
    require(archive->read(0, some).pixels().size() == some * per_image);
    archive->read(archive->size() - some, archive->size());
    archive->labels();
  });
}

}  // namespace
}  // namespace pie

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pie;
  const Input input(ByteSpan{data, size});
  read_archive(open_idx_images, input);
  read_archive(open_cifar, input);
  failure([&] {
    const ImageSet images = read_idx_images(input);
    const Bytes again = encode_idx_images(images);
    require(read_idx_images(Input(ByteSpan{again.data(), again.size()})).pixels() ==
            images.pixels());
  });
  failure([&] { read_idx_labels(input); });
  failure([&] {
    GzipStream stream(input);
    while (!stream.read(1 << 16).empty()) {
    }
  });
  return 0;
}

// CIFAR records become labels and planar images.
#include "lib/image/cifar.h"

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

using Cifar = TestWithFolder;

TEST_F(Cifar, ReadsLabelsAndImages) {
  const ImageSet images = noise_set({3, 32, 32}, 3);
  Bytes file;
  for (std::size_t i = 0; i < 3; ++i) {
    file.push_back(static_cast<std::uint8_t>(7 + i));
    file.insert(file.end(), images.data(i), images.data(i) + kCifarRecordBytes - 1);
  }
  const LabeledImages read = read_cifar(put("x.bin", file));
  EXPECT_EQ(read.labels, (Bytes{7, 8, 9}));
  EXPECT_EQ(read.images.geometry(), (Geometry{3, 32, 32}));
  EXPECT_EQ(read.images.pixels(), images.pixels());
}

TEST_F(Cifar, RefusesParts) {
  EXPECT_THROW(read_cifar(put("x.bin", Bytes(kCifarRecordBytes + 1))), TruncatedError);
  EXPECT_THROW(read_cifar(put("y.bin", {})), TruncatedError);
  EXPECT_THROW(read_cifar(path("missing.bin")), OperationError);
}

TEST_F(Cifar, IsToldBySuffixAndSize) {
  EXPECT_TRUE(is_cifar("a.bin", 2 * kCifarRecordBytes));
  EXPECT_FALSE(is_cifar("a.bin", 0));
  EXPECT_FALSE(is_cifar("a.bin", kCifarRecordBytes + 1));
  EXPECT_FALSE(is_cifar("a.png", kCifarRecordBytes));
}

}  // namespace
}  // namespace pie

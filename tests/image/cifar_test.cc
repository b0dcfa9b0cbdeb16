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
  const auto archive = open_cifar(Input(put("x.bin", file)));
  EXPECT_EQ(archive->labels(), (Bytes{7, 8, 9}));
  EXPECT_EQ(archive->shape(), (Shape{3, 32, 32}));
  EXPECT_EQ(archive->read(0, 3).pixels(), images.pixels());
  Bytes again;
  for (std::size_t i = 0; i < 3; ++i) {
    const Bytes record = cifar_record(images.image(i), static_cast<std::uint8_t>(7 + i));
    again.insert(again.end(), record.begin(), record.end());
  }
  EXPECT_EQ(again, file);
  EXPECT_THROW(cifar_record(noise_image({1, 32, 32}), 0), UsageError);
  EXPECT_THROW(cifar_record(noise_image({3, 32, 32}, 16), 0), UsageError);
  EXPECT_EQ(archive->read(1, 2).pixels(), images.slice(1, 2).pixels());
}

TEST_F(Cifar, RefusesParts) {
  EXPECT_THROW(open_cifar(Input(put("x.bin", Bytes(kCifarRecordBytes + 1)))), TruncatedError);
  EXPECT_THROW(open_cifar(Input(put("y.bin", {}))), TruncatedError);
  EXPECT_THROW(open_cifar(Input(path("missing.bin"))), OperationError);
}

TEST_F(Cifar, IsToldBySuffixAndSize) {
  EXPECT_TRUE(is_cifar(Input(put("a.bin", Bytes(2 * kCifarRecordBytes)))));
  EXPECT_FALSE(is_cifar(Input(put("b.bin", {}))));
  EXPECT_FALSE(is_cifar(Input(put("c.bin", Bytes(kCifarRecordBytes + 1)))));
  EXPECT_FALSE(is_cifar(Input(put("a.png", Bytes(kCifarRecordBytes)))));
  EXPECT_FALSE(is_cifar(Input(folder())));
}

}  // namespace
}  // namespace pie

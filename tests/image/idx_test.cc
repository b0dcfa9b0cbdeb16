// IDX files survive a round trip; cut, lying or foreign ones give typed errors and cost no memory.
#include "lib/image/idx.h"

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

Bytes cut(const Bytes& bytes, std::size_t size) {
  return Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
}

TEST(Idx, ImagesRoundTrip) {
  for (const int channels : {1, 2, 3, 4}) {
    const ImageSet images = noise_set({channels, 4, 6}, 3);
    const Bytes file = encode_idx_images(images);
    EXPECT_EQ(file[3], channels == 1 ? 3 : 4);
    for (const Bytes& stored : {file, gzip(file)}) {
      EXPECT_TRUE(is_idx(stored.data(), stored.size()));
      const ImageSet read = decode_idx_images(stored, "x");
      EXPECT_EQ(read.geometry(), images.geometry());
      EXPECT_EQ(read.pixels(), images.pixels());
    }
  }
}

TEST(Idx, HeaderIsTheOneOfMnist) {
  const Bytes file = encode_idx_images(ImageSet({1, 28, 28}, 300));
  EXPECT_EQ(cut(file, 16), (Bytes{0, 0, 8, 3, 0, 0, 1, 44, 0, 0, 0, 28, 0, 0, 0, 28}));
}

TEST(Idx, LabelsRoundTrip) {
  const Bytes labels{5, 0, 4, 1, 9};
  const Bytes file = encode_idx_labels(labels);
  EXPECT_EQ(decode_idx_labels(file, "x"), labels);
  EXPECT_EQ(decode_idx_labels(gzip(file), "x"), labels);
  EXPECT_TRUE(decode_idx_labels(gzip(encode_idx_labels({})), "x").empty());
}

TEST(Idx, EveryCutIsTruncated) {
  const Bytes file = encode_idx_images(noise_set({1, 3, 5}, 2));
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_THROW(decode_idx_images(cut(file, size), "x"), TruncatedError) << size;
    EXPECT_THROW(decode_idx_images(gzip(cut(file, size)), "x"), TruncatedError) << size;
  }
  const Bytes zipped = gzip(file);
  // Below two bytes nothing says that it was gzip.
  for (std::size_t size = 0; size < zipped.size(); ++size) {
    EXPECT_THROW(decode_idx_images(cut(zipped, size), "x"), TruncatedError) << size;
  }
}

TEST(Idx, ExtraBytesAreDamage) {
  const Bytes file = concatenate(encode_idx_images(noise_set({1, 3, 5}, 2)), {0});
  EXPECT_THROW(decode_idx_images(file, "x"), DamagedError);
  EXPECT_THROW(decode_idx_images(gzip(file), "x"), DamagedError);
}

TEST(Idx, LyingHeadersAreRefused) {
  // 4294967295 images of 65536x65536 would be 2^64 bytes, and of 28x28 more than memory.
  Bytes file = encode_idx_images(noise_set({1, 28, 28}, 1));
  for (std::size_t i = 4; i < 8; ++i) file[i] = 0xff;
  const std::string message = message_of<TruncatedError>([&] { decode_idx_images(file, "x.idx"); });
  EXPECT_TRUE(contains(message, "x.idx")) << message;
  EXPECT_TRUE(contains(message, "4294967295x28x28")) << message;
  EXPECT_THROW(decode_idx_images(gzip(file), "x"), TruncatedError);
  file[9] = file[13] = 0xff;
  EXPECT_THROW(decode_idx_images(file, "x"), DamagedError);
  EXPECT_THROW(decode_idx_images(gzip(file), "x"), DamagedError);
}

TEST(Idx, OtherContentIsNamed) {
  const Bytes labels = encode_idx_labels({1, 2, 3});
  EXPECT_TRUE(
      contains(message_of<UnsupportedError>([&] { decode_idx_images(labels, "x"); }), "labels"));
  const Bytes images = encode_idx_images(noise_set({1, 2, 2}, 1));
  EXPECT_THROW(decode_idx_labels(images, "x"), UnsupportedError);
  Bytes floats = images;
  floats[2] = 0x0d;
  EXPECT_THROW(decode_idx_images(floats, "x"), UnsupportedError);
  EXPECT_TRUE(is_idx(floats.data(), floats.size()));
  EXPECT_THROW(decode_idx_images({1, 2, 3, 4, 5}, "x"), DamagedError);
  // Channels last is a usual mistake.
  Bytes channels_last = encode_idx_images(noise_set({3, 5, 4}, 1));
  channels_last[11] = 5, channels_last[15] = 4, channels_last[19] = 3;
  EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { decode_idx_images(channels_last, "x"); }),
                       "1x5x4x3"));
}

TEST(Idx, IsToldByContent) {
  const Bytes text{'h', 'e', 'l', 'l', 'o'};
  EXPECT_FALSE(is_idx(text.data(), text.size()));
  EXPECT_FALSE(is_idx(text.data(), 0));
  const Bytes zipped = gzip(text);
  EXPECT_FALSE(is_idx(zipped.data(), zipped.size()));
}

TEST(Idx, ReadsTheDigits) {
  const std::string path = PIE_TESTDATA "/digits-images-idx3-ubyte.gz";
  const ImageSet digits = read_idx_images(path);
  EXPECT_EQ(digits.size(), 100u);
  EXPECT_EQ(digits.geometry(), (Geometry{1, 28, 28}));
  const auto labels = sibling_labels(path);
  ASSERT_TRUE(labels.has_value());
  const Bytes values = read_idx_labels(*labels);
  ASSERT_EQ(values.size(), 100u);
  EXPECT_EQ(cut(values, 5), (Bytes{5, 0, 4, 1, 9}));
}

using SiblingLabels = TestWithFolder;

TEST_F(SiblingLabels, FollowsTheNamingRule) {
  EXPECT_FALSE(sibling_labels(path("train-images-idx3-ubyte.gz")));
  const std::string zipped = put("train-labels-idx1-ubyte.gz", {});
  EXPECT_EQ(sibling_labels(path("train-images-idx3-ubyte.gz")), zipped);
  EXPECT_EQ(sibling_labels(path("train-images-idx3-ubyte")), zipped);
  const std::string plain = put("train-labels-idx1-ubyte", {});
  EXPECT_EQ(sibling_labels(path("train-images-idx3-ubyte")), plain);
  EXPECT_EQ(sibling_labels(path("train-images-idx3-ubyte.gz")), zipped);
  const std::string dotted = put("images/colour-labels.idx1", {});
  EXPECT_EQ(sibling_labels(path("images/colour-images.idx4")), dotted);
  EXPECT_FALSE(sibling_labels(path("images/other.idx4")));
}

}  // namespace
}  // namespace pie

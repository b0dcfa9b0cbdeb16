// IDX files survive a round trip; cut, lying or foreign ones give typed errors and cost no memory.
#include "lib/image/idx.h"

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

// An IDX file of fewer than 256 labels.
Bytes idx_labels(const Bytes& labels) {
  return concatenate({0, 0, 8, 1, 0, 0, 0, static_cast<std::uint8_t>(labels.size())}, labels);
}

Bytes cut(const Bytes& bytes, std::size_t size) {
  return Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
}

TEST(Idx, ImagesRoundTrip) {
  for (const int channels : {1, 2, 3, 4}) {
    const ImageSet images = noise_set({channels, 4, 6}, 3);
    const Bytes file = encode_idx_images(images);
    EXPECT_EQ(file[3], channels == 1 ? 3 : 4);
    for (const Bytes& stored : {file, gzip(file)}) {
      EXPECT_TRUE(is_idx(in(stored)));
      const ImageSet read = read_idx_images(in(stored));
      EXPECT_EQ(read.shape(), images.shape());
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
  const Bytes file = idx_labels(labels);
  EXPECT_EQ(read_idx_labels(in(file)), labels);
  EXPECT_EQ(read_idx_labels(in(gzip(file))), labels);
  EXPECT_TRUE(read_idx_labels(in(gzip(idx_labels({})))).empty());
}

TEST(Idx, EveryCutIsTruncated) {
  const Bytes file = encode_idx_images(noise_set({1, 3, 5}, 2));
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_THROW(read_idx_images(in(cut(file, size))), TruncatedError) << size;
    EXPECT_THROW(read_idx_images(in(gzip(cut(file, size)))), TruncatedError) << size;
  }
  const Bytes zipped = gzip(file);
  // Below two bytes nothing says that it was gzip.
  for (std::size_t size = 0; size < zipped.size(); ++size) {
    EXPECT_THROW(read_idx_images(in(cut(zipped, size))), TruncatedError) << size;
  }
}

TEST(Idx, ExtraBytesAreDamage) {
  const Bytes file = concatenate(encode_idx_images(noise_set({1, 3, 5}, 2)), {0});
  EXPECT_THROW(read_idx_images(in(file)), DamagedError);
  EXPECT_THROW(read_idx_images(in(gzip(file))), DamagedError);
}

TEST(Idx, LyingHeadersAreRefused) {
  // 4294967295 images of 65536x65536 would be 2^64 bytes, and of 28x28 more than memory.
  Bytes file = encode_idx_images(noise_set({1, 28, 28}, 1));
  for (std::size_t i = 4; i < 8; ++i) file[i] = 0xff;
  const std::string message = message_of<TruncatedError>([&] { read_idx_images(in(file)); });
  EXPECT_TRUE(contains(message, "x: ")) << message;
  EXPECT_TRUE(contains(message, "4294967295x28x28")) << message;
  EXPECT_THROW(read_idx_images(in(gzip(file))), TruncatedError);
  file[9] = file[13] = 0xff;
  EXPECT_THROW(read_idx_images(in(file)), DamagedError);
  EXPECT_THROW(read_idx_images(in(gzip(file))), DamagedError);
}

TEST(Idx, OtherContentIsNamed) {
  const Bytes labels = idx_labels({1, 2, 3});
  EXPECT_TRUE(
      contains(message_of<UnsupportedError>([&] { read_idx_images(in(labels)); }), "labels"));
  const Bytes images = encode_idx_images(noise_set({1, 2, 2}, 1));
  EXPECT_THROW(read_idx_labels(in(images)), UnsupportedError);
  Bytes floats = images;
  floats[2] = 0x0d;
  EXPECT_THROW(read_idx_images(in(floats)), UnsupportedError);
  EXPECT_TRUE(is_idx(in(floats)));
  EXPECT_THROW(read_idx_images(in(Bytes{1, 2, 3, 4, 5})), DamagedError);
  // Channels last is a usual mistake.
  Bytes channels_last = encode_idx_images(noise_set({3, 5, 4}, 1));
  channels_last[11] = 5, channels_last[15] = 4, channels_last[19] = 3;
  EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { read_idx_images(in(channels_last)); }),
                       "1x5x4x3"));
}

TEST(Idx, IsReadInPiecesFromAnywhere) {
  const ImageSet images = noise_set({3, 40, 50}, 60);  // of 6,000 bytes each
  const Bytes file = encode_idx_images(images);
  for (const Bytes& stored : {file, gzip(file)}) {
    const auto archive = open_idx_images(in(stored));
    ASSERT_EQ(archive->size(), 60u);
    EXPECT_EQ(archive->shape(), images.shape());
    const std::vector<std::pair<std::size_t, std::size_t>> pieces{
        {0, 1}, {1, 20}, {30, 31}, {31, 60}, {3, 5}, {59, 60}, {0, 60}};
    for (const auto& [begin, end] : pieces) {
      EXPECT_EQ(archive->read(begin, end).pixels(), images.slice(begin, end).pixels()) << begin;
    }
  }
  // What is wrong behind the images that are asked for shows when its turn comes.
  const Bytes shorter = gzip(cut(file, file.size() - 1));
  const auto cut_short = open_idx_images(in(shorter));
  EXPECT_EQ(cut_short->read(0, 50).pixels(), images.slice(0, 50).pixels());
  EXPECT_THROW(cut_short->read(50, 60), TruncatedError);
}

TEST(Idx, IsToldByContent) {
  const Bytes text{'h', 'e', 'l', 'l', 'o'};
  EXPECT_FALSE(is_idx(in(text)));
  EXPECT_FALSE(is_idx(in(Bytes{})));
  const Bytes zipped = gzip(text);
  EXPECT_FALSE(is_idx(in(zipped)));
}

TEST(Idx, ReadsTheDigits) {
  const std::string path = PIE_TESTDATA "/digits-images-idx3-ubyte.gz";
  const ImageSet digits = read_idx_images(Input(path));
  EXPECT_EQ(digits.size(), 100u);
  EXPECT_EQ(digits.shape(), (Shape{1, 28, 28}));
  const auto labels = sibling_labels(path);
  ASSERT_TRUE(labels.has_value());
  const Bytes values = read_idx_labels(Input(*labels));
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

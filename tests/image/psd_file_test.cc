// PSD files give the samples of their flattened image, or a typed error.
#include "lib/image/psd_file.h"

#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ImageFile decode(const Bytes& file) { return decode_psd(view_of(file), kMaxPixels); }

// A file of 5x2 pixels with packed rows: the first two of red, all of green and blue 6.
Bytes packed(const Bytes& first, const Bytes& second) {
  const Bytes six{252, 6};
  Bytes file = cut(encode_psd(Image({3, 2, 5})), 38);
  file = concatenate(file, {0, 1});
  for (const Bytes& row : {first, second, six, six, six, six}) {
    file = concatenate(file, {0, static_cast<std::uint8_t>(row.size())});
  }
  for (const Bytes& row : {first, second, six, six, six, six}) file = concatenate(file, row);
  return file;
}

TEST(PsdFile, KeepsSamples) {
  const Image image = noise_image({3, 5, 7});
  const Bytes file = encode_psd(image);
  EXPECT_EQ(decode(file).image, image);
  EXPECT_EQ(probe_psd(view_of(cut(file, 26)), kMaxPixels).shape, image.shape);
  EXPECT_TRUE(decode(file).dropped.empty());
}

TEST(PsdFile, AlphaGrayAndDepthAreRefused) {
  for (const int channels : {1, 2, 3, 4}) {
    for (const int bits : {8, 16}) {
      if (channels == 3 && bits == 8) continue;
      const Bytes file = encode_psd(Image({channels, 5, 7}, bits));
      EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { decode(file); }),
                           "x: a PSD file of another kind than RGB of 8 bits without alpha"));
      EXPECT_THROW(probe_psd(view_of(cut(file, 26)), kMaxPixels), UnsupportedError);
    }
  }
}

TEST(PsdFile, ExpandsRuns) {
  // Three of a kind and two of their own; the packet 128 means nothing.
  const Image image = decode(packed({254, 9, 1, 4, 5}, {128, 252, 7, 128})).image;
  const Bytes red{9, 9, 9, 4, 5, 7, 7, 7, 7, 7};
  for (std::size_t i = 0; i < image.samples.size(); ++i) {
    EXPECT_EQ(image.samples[i], i % 3 == 0 ? red[i / 3] : 6) << i;
  }
  EXPECT_THROW(decode(packed({254, 9}, {252, 6})), DamagedError);      // too short
  EXPECT_THROW(decode(packed({251, 9}, {252, 6})), DamagedError);      // too long
  EXPECT_THROW(decode(packed({4, 1, 2, 3}, {252, 6})), DamagedError);  // promises more than follow
  // Rows that are right only together.
  EXPECT_THROW(decode(packed({251, 9}, {253, 6})), DamagedError);
}

TEST(PsdFile, SectionsBeforeTheSamplesArePassedOver) {
  const Image image = noise_image({3, 5, 7});
  Bytes sections{0, 0, 0, 1, 7, 0, 0, 0, 2, 7, 7, 0, 0, 0, 0};
  EXPECT_EQ(decode(encode_psd(image, sections)).image, image);
  sections.back() = 3;
  sections.insert(sections.end(), 3, 7);
  EXPECT_EQ(decode(encode_psd(image, sections)).image, image);
  EXPECT_EQ(decode(encode_psd(image, sections)).dropped, (std::vector<std::string>{"layers"}));
}

TEST(PsdFile, RefusesOtherKinds) {
  const Bytes file = encode_psd(noise_image({3, 2, 2}));
  // Version, channels, bits, mode, compression.
  for (const auto& [at, value] :
       {std::pair{5, 2}, {13, 5}, {13, 2}, {13, 4}, {23, 32}, {25, 4}, {39, 2}}) {
    Bytes other = file;
    other[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value);
    EXPECT_THROW(decode(other), UnsupportedError) << at;
  }
}

TEST(PsdFile, LyingDimensionsCostNoMemory) {
  for (const int compression : {0, 1}) {
    Bytes file = encode_psd(noise_image({3, 2, 2}));
    file[16] = file[20] = 0x3f;
    file[39] = static_cast<std::uint8_t>(compression);
    EXPECT_THROW(decode(file), TruncatedError);
  }
}

}  // namespace
}  // namespace pie

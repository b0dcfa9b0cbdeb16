// PSD files give the samples of their flattened image, or a typed error.
#include "lib/image/psd_file.h"

#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ImageFile decode(const Bytes& file) { return decode_psd(view_of(file), kMaxPixels); }

// A gray file of 5x2 pixels with packed rows.
Bytes packed(const Bytes& first, const Bytes& second) {
  Bytes file = cut(encode_psd(Image({1, 2, 5})), 38);
  const auto size = [](const Bytes& row) { return static_cast<std::uint8_t>(row.size()); };
  file = concatenate(file, {0, 1, 0, size(first), 0, size(second)});
  return concatenate(concatenate(file, first), second);
}

TEST(PsdFile, KeepsSamples) {
  for (const int channels : {1, 2, 3, 4}) {
    for (const int bits : {8, 16}) {
      // Partial alpha included: nothing is blended or unblended.
      const Image image = noise_image({channels, 5, 7}, bits);
      const Bytes file = encode_psd(image);
      EXPECT_EQ(decode(file).image, image);
      EXPECT_EQ(probe_psd(view_of(cut(file, 26)), kMaxPixels).shape, image.shape);
      EXPECT_EQ(probe_psd(view_of(cut(file, 26)), kMaxPixels).bits, bits);
      EXPECT_TRUE(decode(file).dropped.empty());
    }
  }
}

TEST(PsdFile, ExpandsRuns) {
  // Three of a kind and two of their own; the packet 128 means nothing.
  EXPECT_EQ(decode(packed({254, 9, 1, 4, 5}, {128, 252, 6})).image.samples,
            (Bytes{9, 9, 9, 4, 5, 6, 6, 6, 6, 6}));
  EXPECT_THROW(decode(packed({254, 9}, {252, 6})), DamagedError);      // too short
  EXPECT_THROW(decode(packed({251, 9}, {252, 6})), DamagedError);      // too long
  EXPECT_THROW(decode(packed({4, 1, 2, 3}, {252, 6})), DamagedError);  // promises more than follow
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
  for (const auto& [at, value] : {std::pair{5, 2}, {13, 5}, {13, 2}, {23, 32}, {25, 4}, {39, 2}}) {
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

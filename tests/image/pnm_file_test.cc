// PGM and PPM files give their samples, or a typed error.
#include "lib/image/pnm_file.h"

#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ImageFile decode(const Bytes& file) { return decode_pnm(view_of(file), kMaxPixels); }
ImageHeader probe(const Bytes& file) { return probe_pnm(view_of(file), kMaxPixels); }

TEST(PnmFile, RoundTrip) {
  for (const int channels : {1, 3}) {
    for (const int bits : {8, 16}) {
      const Image image = noise_image({channels, 5, 4}, bits);
      const Bytes encoded = encode_pnm(image);
      EXPECT_EQ(decode(encoded).image, image);
      EXPECT_EQ(probe(encoded).shape, image.shape);
      EXPECT_EQ(probe(encoded).bits, bits);
    }
  }
}

TEST(PnmFile, HeadersMayHoldComments) {
  const std::string text = "P5 # made by hand\n#more\n2\t1 \r\n255\nAB";
  const ImageFile file = decode(Bytes(text.begin(), text.end()));
  EXPECT_EQ(file.image.samples, (Bytes{'A', 'B'}));
  EXPECT_TRUE(file.dropped.empty());
}

TEST(PnmFile, RefusesWhatItCannotKeep) {
  const std::string seven_bits = "P5 1 1 127\nA";
  EXPECT_THROW(decode(Bytes(seven_bits.begin(), seven_bits.end())), UnsupportedError);
  for (const std::string text : {"P5 x 1 255\nA", "P5 0 1 255\n", "P5 -1 1 255\nA",
                                 "P5 99999999999999999999 1 255\nA", "P5 1 1 255A"}) {
    EXPECT_THROW(decode(Bytes(text.begin(), text.end())), DamagedError) << text;
  }
}

TEST(PnmFile, FurtherImagesAreReported) {
  const Bytes one = encode_pnm(noise_image({1, 2, 2}));
  EXPECT_EQ(decode(concatenate(one, one)).dropped, (std::vector<std::string>{"further images"}));
}

}  // namespace
}  // namespace pie

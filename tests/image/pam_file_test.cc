// PAM files give their samples, alpha included, or a typed error.
#include "lib/image/pam_file.h"

#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ImageFile decode(const Bytes& file) { return decode_pam(view_of(file), kMaxPixels); }
ImageFile decode(const std::string& text) { return decode(Bytes(text.begin(), text.end())); }

TEST(PamFile, RoundTrip) {
  for (const int channels : {1, 2, 3, 4}) {
    for (const int bits : {8, 16}) {
      const Image image = noise_image({channels, 5, 4}, bits);
      const Bytes encoded = encode_pam(image);
      EXPECT_TRUE(is_pam(view_of(encoded)));
      EXPECT_EQ(decode(encoded).image, image);
      const ImageHeader header = probe_pam(view_of(encoded), kMaxPixels);
      EXPECT_EQ(header.shape, image.shape);
      EXPECT_EQ(header.bits, bits);
      for (std::size_t size = 3; size < encoded.size(); ++size) {
        EXPECT_THROW(decode(cut(encoded, size)), DamagedError) << size;
      }
    }
  }
}

TEST(PamFile, HeadersAreReadAsNetpbmDefinesThem) {
  const ImageFile file = decode(
      "P7\n# any order, comments, no type\nMAXVAL 255\n\nDEPTH  2\nHEIGHT 1\nWIDTH 2 "
      "\nENDHDR\nABCD");
  EXPECT_EQ(file.image.shape, (Shape{2, 1, 2}));
  EXPECT_EQ(file.image.samples, (Bytes{'A', 'B', 'C', 'D'}));
  EXPECT_TRUE(file.dropped.empty());
  ASSERT_EQ(file.metadata.size(), 1U);
  EXPECT_EQ(decode_pam(view_of(encode_pam(file.image, file.metadata)), kMaxPixels).metadata[0].data,
            file.metadata[0].data);
}

TEST(PamFile, AnyLargestSampleComesBack) {
  for (const char* type : {"BLACKANDWHITE", "GRAYSCALE"}) {
    const std::string text =
        std::string("P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE ") + type + "\nENDHDR\n";
    const ImageFile file = decode(text + std::string("\0\1", 2));
    EXPECT_EQ(file.image.samples, (Bytes{0, 255}));
    const ImageFile again = decode(encode_pam(file.image, file.metadata));
    EXPECT_EQ(again.image, file.image);
    EXPECT_EQ(again.metadata.size(), 1U);
  }
}

TEST(PamFile, RefusesWhatItCannotKeep) {
  const std::string head = "P7\nWIDTH 1\nHEIGHT 1\n";
  for (const char* rest :
       {"DEPTH 3\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\nAAA",
        "DEPTH 5\nMAXVAL 255\nENDHDR\nABCDE", "DEPTH 4\nMAXVAL 255\nTUPLTYPE CMYK\nENDHDR\nABCD",
        "DEPTH 0\nMAXVAL 255\nENDHDR\n"}) {
    EXPECT_THROW(decode(head + rest), UnsupportedError) << rest;
  }
  for (const char* text : {"P7\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\nA",
                           "P7\nWIDTH -1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\nA",
                           "P7\nWIDTH 0\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\nA",
                           "P7\nWIDTH 99999999999\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\nA"}) {
    EXPECT_THROW(decode(text), DamagedError) << text;
  }
}

TEST(PamFile, FurtherImagesAreReported) {
  const Bytes one = encode_pam(noise_image({4, 2, 2}));
  EXPECT_EQ(decode(concatenate(one, one)).dropped,
            (std::vector<std::string>{"further bytes behind the image"}));
}

}  // namespace
}  // namespace pie

// PBM, PGM and PPM files give their samples, or a typed error.
#include "lib/image/pnm_file.h"

#include "lib/image/netpbm.h"
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
  // They are kept, and written again.
  ASSERT_EQ(file.metadata.size(), 1U);
  const std::string words = "made by hand\nmore";
  EXPECT_EQ(comment_of(file.metadata[0]), Bytes(words.begin(), words.end()));
  const Bytes written = encode_pnm(file.image, file.metadata);
  const std::string expected = "P5\n# made by hand\n# more\n2 1\n255\nAB";
  EXPECT_EQ(std::string(written.begin(), written.end()), expected);
  EXPECT_TRUE(netpbm_keeps(file.metadata[0]));
  for (const char* words_lost : {"two\rlines", " indented", "a\n b"}) {
    const std::string lost = words_lost;
    EXPECT_FALSE(netpbm_keeps(comment_item(Bytes(lost.begin(), lost.end())))) << lost;
  }
  // Whatever ends lines in a comment, what follows is not taken for the header.
  for (const char* lines : {"two\rlines", "two\r\nlines", "two\nlines"}) {
    const std::string comment = lines;
    const Bytes again =
        encode_pnm(file.image, {comment_item(Bytes(comment.begin(), comment.end()))});
    EXPECT_EQ(std::string(again.begin(), again.end()), "P5\n# two\n# lines\n2 1\n255\nAB");
  }
}

ImageFile decode(const std::string& text) { return decode(Bytes(text.begin(), text.end())); }

// Every sample of every largest value comes back, from a file that differs in its white space only.
TEST(PnmFile, AnyLargestSampleComesBack) {
  for (const int maxval : {1, 2, 15, 100, 127, 254, 256, 1000, 1023, 4095, 16383, 65534}) {
    const bool wide = maxval > 255;
    const int step = maxval > 4096 ? 61 : 1;
    std::string samples;
    for (int v = 0; v <= maxval; v += step) {
      if (wide) samples += static_cast<char>(v >> 8);
      samples += static_cast<char>(v & 255);
    }
    const auto count = samples.size() / (wide ? 2 : 1);
    const std::string text =
        "P5\n" + std::to_string(count) + " 1\n" + std::to_string(maxval) + "\n" + samples;
    const ImageFile file = decode(text);
    EXPECT_EQ(file.image.bits, wide ? 16 : 8);
    EXPECT_EQ(file.image.at(0, 0), 0);
    if (step == 1) {
      EXPECT_EQ(file.image.at(0, maxval), wide ? 65535 : 255);
    }
    EXPECT_EQ(encode_pnm(file.image, file.metadata), Bytes(text.begin(), text.end())) << maxval;
    // Without what the metadata says, the samples are those of a full range.
    EXPECT_EQ(decode(encode_pnm(file.image)).image, file.image);
  }
}

TEST(PnmFile, TextAndBitsGiveWhatBytesGive) {
  const Image three = decode("P2 #c\n3 1\n7\n0 3\n7 ").image;
  EXPECT_EQ(three, decode(std::string("P5 3 1 7\n\0\3\7", 12)).image);
  EXPECT_EQ(decode("P3 1 1 1023 0 511 1023").image.at(0, 0, 1), 511 * 65535 / 1023);
  const ImageFile bits = decode("P1 10 2\n0101010101 1 1 1 1 1 0 0 0 0 0");
  EXPECT_EQ(bits.image.samples, (Bytes{255, 0, 255, 0, 255, 0,   255, 0,   255, 0,  //
                                       0,   0, 0,   0, 0,   255, 255, 255, 255, 255}));
  const Bytes packed = encode_pbm(bits.image);
  EXPECT_EQ(packed, (Bytes{'P', '4', '\n', '1', '0', ' ', '2', '\n', 0x55, 0x40, 0xF8, 0x00}));
  EXPECT_TRUE(is_pbm(view_of(packed)));
  EXPECT_EQ(decode(packed).image, bits.image);
  EXPECT_TRUE(is_bilevel(bits.image));
  EXPECT_FALSE(is_bilevel(three));
  for (std::size_t size = 3; size < packed.size(); ++size) {
    EXPECT_THROW(decode(cut(packed, size)), TruncatedError) << size;
  }
}

TEST(PnmFile, RefusesWhatIsNoImage) {
  EXPECT_THROW(decode("P2 100000 100000 7 1"), LimitError);
  EXPECT_THROW(decode("P2 10000 10000 7 1"), TruncatedError);
  for (const std::string text :
       {"P5 x 1 255\nA", "P5 0 1 255\n", "P5 -1 1 255\nA", "P5 99999999999999999999 1 255\nA",
        "P5 1 1 255A", "P5 1 1 0\nA", "P5 1 1 65536\nAB", "P5 1 1 64\nA", "P2 1 1 7 8",
        "P2 1 1 7 x", "P2 2 1 7 1", "P1 1 1 2"}) {
    EXPECT_THROW(decode(Bytes(text.begin(), text.end())), DamagedError) << text;
  }
}

TEST(PnmFile, FurtherImagesAreReported) {
  const Bytes one = encode_pnm(noise_image({1, 2, 2}));
  EXPECT_EQ(decode(concatenate(one, one)).dropped,
            (std::vector<std::string>{"further bytes behind the image"}));
}

}  // namespace
}  // namespace pie

// WebP files give libwebp's samples and their metadata, or a typed error.
#include "lib/image/webp_file.h"

#include <webp/encode.h>

#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ImageFile decode(const Bytes& file) { return decode_webp(view_of(file), kMaxPixels); }

Bytes encoded(const Image& image) {
  std::uint8_t* out = nullptr;
  const auto encode = image.shape.channels == 4 ? WebPEncodeLosslessRGBA : WebPEncodeLosslessRGB;
  const std::size_t size =
      encode(image.samples.data(), static_cast<int>(image.shape.width),
             static_cast<int>(image.shape.height), static_cast<int>(image.row_bytes()), &out);
  Bytes file(out, out + size);
  WebPFree(out);
  return file;
}

void append_chunk(Bytes& file, const std::string& type, const Bytes& data) {
  file.insert(file.end(), type.begin(), type.end());
  for (int shift = 0; shift < 32; shift += 8) {
    file.push_back(static_cast<std::uint8_t>(data.size() >> shift));
  }
  file.insert(file.end(), data.begin(), data.end());
  if (data.size() % 2 != 0) file.push_back(0);
}

// The image in the extended format, with a chunk of each kind of metadata.
Bytes extended(const Image& image) {
  const Bytes simple = encoded(image);
  Bytes body;
  const std::uint8_t flags = 0x2C;  // ICC, Exif, XMP
  append_chunk(body, "VP8X",
               {flags, 0, 0, 0, static_cast<std::uint8_t>(image.shape.width - 1), 0, 0,
                static_cast<std::uint8_t>(image.shape.height - 1), 0, 0});
  append_chunk(body, "ICCP", {1, 2, 3});
  body.insert(body.end(), simple.begin() + 12, simple.end());
  append_chunk(body, "EXIF", {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42});
  append_chunk(body, "XMP ", {'<', 'x', '>'});
  Bytes file;
  Bytes riff{'W', 'E', 'B', 'P'};
  riff.insert(riff.end(), body.begin(), body.end());
  append_chunk(file, "RIFF", riff);
  return file;
}

TEST(WebpFile, LosslessFilesGiveTheirSamples) {
  for (const int channels : {3, 4}) {
    Image image = noise_image({channels, 11, 6});
    // WebP drops the colours of what is wholly transparent.
    for (std::size_t i = 3; channels == 4 && i < image.samples.size(); i += 4) {
      image.samples[i] |= 1;
    }
    const Bytes file = encoded(image);
    EXPECT_TRUE(is_webp(view_of(file)));
    EXPECT_EQ(decode(file).image, image);
    EXPECT_EQ(probe_webp(view_of(file), kMaxPixels).shape, image.shape);
    for (std::size_t size = 12; size < file.size(); ++size) {
      EXPECT_THROW(decode(cut(file, size)), DamagedError) << size;
    }
  }
}

TEST(WebpFile, MetadataIsKept) {
  const Image image = noise_image({3, 5, 4});
  const ImageFile found = decode(extended(image));
  EXPECT_EQ(found.image, image);
  ASSERT_EQ(found.metadata.size(), 3U);
  EXPECT_EQ(found.metadata[0].data, icc_profile_item({1, 2, 3}).data);
  EXPECT_EQ(found.metadata[1].data, (Bytes{'M', 'M', 0, 42}));
  EXPECT_EQ(found.metadata[2].data, xmp_item({'<', 'x', '>'}).data);
}

TEST(WebpFile, ShortMetadataIsNoMore) {
  const Image image = noise_image({3, 5, 4});
  for (const Bytes& exif : {Bytes{}, Bytes{'E'}, Bytes{'E', 'x', 'i', 'f', 0}}) {
    Bytes file = encoded(image);
    append_chunk(file, "EXIF", exif);
    EXPECT_EQ(decode(file).image, image);
    EXPECT_EQ(decode(file).metadata[0].data, exif);
  }
}

TEST(WebpFile, AnimationsAreRefused) {
  Bytes file = extended(noise_image({3, 5, 4}));
  file[20] |= 2;
  EXPECT_THROW(decode(file), UnsupportedError);
}

TEST(WebpFile, FlippedBytesAreErrorsOrOtherImages) {
  const Bytes whole = extended(noise_image({3, 5, 4}));
  for (std::size_t i = 12; i < whole.size(); ++i) {
    Bytes flipped = whole;
    flipped[i] ^= 0x40;
    try {
      decode(flipped);
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace pie

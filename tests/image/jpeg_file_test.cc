// JPEG files give the samples that djpeg gives, or a typed error: nothing is guessed, nothing
// crashes.
#include "lib/image/jpeg_file.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

// Behind <cstdio>, which it needs.
#include <jpeglib.h>

#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

ImageFile decode(const Bytes& file) { return decode_jpeg(view_of(file), 1 << 20); }
ImageHeader probe(const Bytes& file) { return probe_jpeg(view_of(file), 1 << 20); }

// Smooth enough that JPEG keeps it nearly.
Image ramp(const Shape& shape) {
  Image image(shape);
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) {
      for (int c = 0; c < shape.channels; ++c) {
        image.set(y, x, c, (3 * y + 2 * x + 40 * c) % 256);
      }
    }
  }
  return image;
}

// libjpeg itself with what else it can write; `configure` is called before the first row.
template <typename Configure>
Bytes compress(const Image& image, J_COLOR_SPACE colors, Configure configure) {
  jpeg_error_mgr error;
  jpeg_compress_struct jpeg;
  jpeg.err = jpeg_std_error(&error);
  jpeg_create_compress(&jpeg);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &out, &size);
  jpeg.image_width = static_cast<JDIMENSION>(image.shape.width);
  jpeg.image_height = static_cast<JDIMENSION>(image.shape.height);
  jpeg.input_components = static_cast<int>(image.shape.channels);
  jpeg.in_color_space = colors;
  jpeg_set_defaults(&jpeg);
  configure(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPROW row =
        const_cast<JSAMPROW>(image.samples.data() + jpeg.next_scanline * image.row_bytes());
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  Bytes file(out, out + size);
  jpeg_destroy_compress(&jpeg);
  std::free(out);
  return file;
}

// What djpeg does: libjpeg with nothing set.
Bytes plainly_decompressed(const Bytes& file) {
  jpeg_error_mgr error;
  jpeg_decompress_struct jpeg;
  jpeg.err = jpeg_std_error(&error);
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, file.data(), static_cast<unsigned long>(file.size()));
  jpeg_read_header(&jpeg, TRUE);
  jpeg_start_decompress(&jpeg);
  const std::size_t row_bytes =
      std::size_t{jpeg.output_width} * static_cast<std::size_t>(jpeg.output_components);
  Bytes samples(row_bytes * jpeg.output_height);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = samples.data() + jpeg.output_scanline * row_bytes;
    jpeg_read_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_decompress(&jpeg);
  jpeg_destroy_decompress(&jpeg);
  return samples;
}

// Files of every kind that is read.
std::vector<Bytes> all_kinds() {
  const Image gray = noise_image({1, 19, 27});
  const Image color = noise_image({3, 19, 27});
  const auto progressive = [](j_compress_ptr jpeg) { jpeg_simple_progression(jpeg); };
  const auto restarts = [](j_compress_ptr jpeg) { jpeg->restart_interval = 2; };
  const auto arithmetic = [](j_compress_ptr jpeg) { jpeg->arith_code = TRUE; };
  const auto plain_rgb = [](j_compress_ptr jpeg) { jpeg_set_colorspace(jpeg, JCS_RGB); };
  const auto wide = [](j_compress_ptr jpeg) { jpeg->comp_info[0].v_samp_factor = 1; };
  return {encode_jpeg(gray, 30),
          encode_jpeg(color, 80),
          encode_jpeg(color, 95),
          encode_jpeg(ramp({3, 32, 40}), 100),
          compress(gray, JCS_GRAYSCALE, progressive),
          compress(color, JCS_RGB, progressive),
          compress(color, JCS_RGB, restarts),
          compress(color, JCS_RGB, arithmetic),
          compress(color, JCS_RGB, plain_rgb),
          compress(color, JCS_RGB, wide)};
}

// The offset of the segment with this marker.
std::size_t find_marker(const Bytes& file, std::uint8_t marker) {
  for (std::size_t i = 0; i + 1 < file.size(); ++i) {
    if (file[i] == 0xff && file[i + 1] == marker) return i;
  }
  ADD_FAILURE() << "no such marker";
  return 0;
}

Bytes insert(const Bytes& file, std::size_t at, const Bytes& what) {
  Bytes out = file;
  out.insert(out.begin() + static_cast<std::ptrdiff_t>(at), what.begin(), what.end());
  return out;
}

TEST(JpegFile, SamplesAreThoseOfLibjpegWithNothingSet) {
  for (const Bytes& file : all_kinds()) {
    const ImageFile read = decode(file);
    EXPECT_EQ(read.image.samples, plainly_decompressed(file));
    EXPECT_EQ(read.image.shape, probe(file).shape);
    EXPECT_TRUE(read.dropped.empty());
  }
}

TEST(JpegFile, KeepsChannelsAndNearlyTheSamples) {
  for (const int channels : {1, 3}) {
    const Image image = ramp({channels, 16, 24});
    const Image read = decode(encode_jpeg(image, 95)).image;
    ASSERT_EQ(read.shape, image.shape);
    for (std::size_t i = 0; i < image.samples.size(); ++i) {
      EXPECT_NEAR(read.samples[i], image.samples[i], 8);
    }
  }
}

TEST(JpegFile, WritesOnlyWhatItCanHold) {
  EXPECT_THROW(encode_jpeg(Image({4, 8, 8}), 90), UsageError);
  EXPECT_THROW(encode_jpeg(Image({1, 8, 8}, 16), 90), UsageError);
  EXPECT_THROW(encode_jpeg(Image({1, 1, 65501}), 90), UsageError);
  EXPECT_EQ(decode(encode_jpeg(Image({1, 1, 65500}), 90)).image.shape.width, 65500);
}

TEST(JpegFile, FillBytesBeforeMarkersMeanNothing) {
  const Bytes file = encode_jpeg(ramp({3, 16, 16}), 80);
  const Image image = decode(file).image;
  Bytes filled = {0xff, 0xd8};
  std::size_t at = 2;
  while (file[at + 1] != 0xda) {  // up to the scan
    const std::size_t size = 2 + (std::size_t{file[at + 2]} << 8 | file[at + 3]);
    filled.insert(filled.end(), {0xff, 0xff, 0xff});
    filled.insert(filled.end(), file.begin() + static_cast<std::ptrdiff_t>(at),
                  file.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
  }
  filled.push_back(0xff);
  filled.insert(filled.end(), file.begin() + static_cast<std::ptrdiff_t>(at), file.end());
  filled = insert(filled, filled.size() - 2, {0xff});
  EXPECT_EQ(decode(filled).image, image);
  EXPECT_TRUE(decode(filled).dropped.empty());

  // Not before the first one, though, where they would make another file type.
  const Bytes shifted = insert(file, 0, {0xff});
  EXPECT_FALSE(is_jpeg(view_of(shifted)));
  EXPECT_THROW(decode(shifted), DamagedError);
}

TEST(JpegFile, KeepsWhatPngCanSay) {
  const Bytes plain = encode_jpeg(noise_image({3, 8, 8}), 95);
  const auto with_segment = [&plain](std::uint8_t marker, const std::string& text) {
    const Bytes header{0xff, marker, 0, static_cast<std::uint8_t>(text.size() + 2)};
    const Bytes segment = concatenate(header, Bytes(text.begin(), text.end()));
    return insert(insert(plain, 2, segment), 2, segment);
  };
  const auto only_item = [](const Bytes& file) {
    const ImageFile read = decode(file);
    EXPECT_TRUE(read.dropped.empty());
    EXPECT_EQ(read.metadata.size(), 1U);
    return read.metadata.at(0);
  };
  const auto once = [&](std::uint8_t marker, const std::string& text) {
    const Bytes header{0xff, marker, 0, static_cast<std::uint8_t>(text.size() + 2)};
    return insert(plain, 2, concatenate(header, Bytes(text.begin(), text.end())));
  };
  const MetadataItem exif = only_item(once(0xe1, std::string("Exif\0\0II*", 9)));
  EXPECT_EQ(exif.type, "eXIf");
  EXPECT_EQ(exif.data, (Bytes{'I', 'I', '*'}));
  const MetadataItem xmp =
      only_item(once(0xe1, std::string("http://ns.adobe.com/xap/1.0/\0<x/>", 33)));
  EXPECT_EQ(xmp.type, "iTXt");
  EXPECT_EQ(std::string(xmp.data.begin(), xmp.data.end()),
            std::string("XML:com.adobe.xmp\0\0\0\0\0<x/>", 26));
  const MetadataItem comment = only_item(once(0xfe, "hello"));
  EXPECT_EQ(std::string(comment.data.begin(), comment.data.end()),
            std::string("Comment\0\0\0\0\0hello", 17));
  const MetadataItem profile = only_item(once(0xe2, std::string("ICC_PROFILE\0\1\1abc", 17)));
  EXPECT_EQ(profile.type, "iCCP");
  Bytes unpacked(3);
  uLongf size = 3;
  EXPECT_EQ(uncompress(unpacked.data(), &size, profile.data.data() + 13,
                       static_cast<uLong>(profile.data.size() - 13)),
            Z_OK);
  EXPECT_EQ(unpacked, (Bytes{'a', 'b', 'c'}));

  using Names = std::vector<std::string>;
  EXPECT_EQ(decode(with_segment(0xe2, std::string("ICC_PROFILE\0\1\1", 14))).dropped,
            Names{"incomplete ICC profile"});
  EXPECT_EQ(decode(with_segment(0xe1, std::string("Exif\0\0II*", 9))).dropped,
            Names{"segment APP1"});
  EXPECT_EQ(decode(with_segment(0xed, "Photoshop")).dropped, Names{"segment APP13"});
  EXPECT_EQ(decode(insert(plain, plain.size() - 2, Bytes(40, 7))).dropped, Names{"stray bytes"});
}

TEST(JpegFile, OtherKindsAreRefusedByName) {
  const auto nothing = [](j_compress_ptr) {};
  const Image four = noise_image({4, 8, 8});
  EXPECT_THROW(decode(compress(four, JCS_CMYK, nothing)), UnsupportedError);
  EXPECT_THROW(probe(compress(four, JCS_CMYK, nothing)), UnsupportedError);
  EXPECT_THROW(decode(compress(noise_image({2, 8, 8}), JCS_UNKNOWN, nothing)), UnsupportedError);

  const Bytes plain = encode_jpeg(noise_image({1, 8, 8}), 95);
  const std::size_t frame = find_marker(plain, 0xc0);
  Bytes lossless = plain;
  lossless[frame + 1] = 0xc3;
  EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { decode(lossless); }), "0xc3"));
  Bytes deep = plain;
  deep[frame + 4] = 12;
  EXPECT_THROW(decode(deep), UnsupportedError);
}

TEST(JpegFile, MoreScansThanSaneAreRefused) {
  std::vector<jpeg_scan_info> scans{{1, {0}, 0, 0, 0, 0}};
  for (const auto& [high, low] : {std::pair{0, 1}, std::pair{1, 0}}) {
    for (int k = 1; k < 64; ++k) scans.push_back({1, {0}, k, k, high, low});
  }
  const auto file_of = [&scans](int count) {
    return compress(noise_image({1, 16, 16}), JCS_GRAYSCALE, [&](j_compress_ptr jpeg) {
      jpeg->scan_info = scans.data();
      jpeg->num_scans = count;
    });
  };
  EXPECT_NO_THROW(decode(file_of(100)));
  EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { decode(file_of(101)); }), "100 scans"));
}

// libjpeg would walk through all of them for each.
TEST(JpegFile, SegmentsAreCounted) {
  const Bytes file = compress(noise_image({1, 8, 8}), JCS_GRAYSCALE, [](j_compress_ptr) {});
  const auto with_segments = [&](int count, std::uint8_t marker) {
    Bytes segments{0xFF, 0xD8};
    for (int i = 0; i < count; ++i) segments.insert(segments.end(), {0xFF, marker, 0, 2});
    segments.insert(segments.end(), file.begin() + 2, file.end());
    return segments;
  };
  for (const int marker : {0xFE, 0xE1, 0xEF}) {
    const auto kind = static_cast<std::uint8_t>(marker);
    EXPECT_EQ(decode(with_segments(4096, kind)).image, decode(file).image);
    EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { decode(with_segments(4097, kind)); }),
                         "4096 segments"));
  }
}

TEST(JpegFile, MissingDataIsNeverGuessed) {
  // A colour image in three scans, the last of which is cut out.
  jpeg_scan_info scans[] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
  const Bytes file = compress(noise_image({3, 16, 16}), JCS_RGB, [&scans](j_compress_ptr jpeg) {
    jpeg->scan_info = scans;
    jpeg->num_scans = 3;
  });
  EXPECT_NO_THROW(decode(file));
  std::size_t last = 0;
  for (std::size_t i = 0; i + 1 < file.size(); ++i) {
    if (file[i] == 0xff && file[i + 1] == 0xda) last = i;
  }
  const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(last));
  EXPECT_THROW(decode(concatenate(cut, {0xff, 0xd9})), DamagedError);

  // The end marker in place of the second half.
  const Bytes half(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(last / 2));
  EXPECT_THROW(decode(concatenate(half, {0xff, 0xd9})), DamagedError);
}

TEST(JpegFile, UnknownHuffmanCodesAreNoticedInLargeFilesToo) {
  Bytes file = encode_jpeg(noise_image({1, 200, 200}), 95);
  for (std::size_t i = file.size() / 2; i < file.size() / 2 + 8; i += 2) {
    file[i] = 0xff;  // sixteen ones in a row are no code
    file[i + 1] = 0;
  }
  EXPECT_TRUE(contains(message_of<DamagedError>([&] { decode(file); }), "Huffman code"));
}

TEST(JpegFile, HuffmanTablesOfTooManySymbolsAreDamage) {
  const Bytes plain = encode_jpeg(noise_image({1, 8, 8}), 95);
  Bytes table{0xff, 0xc4, 0x03, 0x13, 0x10};
  for (int length = 0; length < 16; ++length) table.push_back(length < 3 ? 255 : 1);
  table.resize(2 + 0x313, 7);
  EXPECT_THROW(decode(insert(plain, 2, table)), DamagedError);
}

TEST(JpegFile, LyingDimensionsCostNoMemory) {
  Bytes file = encode_jpeg(noise_image({1, 8, 8}), 95);
  const std::size_t frame = find_marker(file, 0xc0);
  for (std::size_t i = 5; i < 9; ++i) file[frame + i] = 0xf0;
  EXPECT_THROW(decode(file), LimitError);
  EXPECT_TRUE(
      contains(message_of<TruncatedError>([&] { decode_jpeg(view_of(file), kMaxPixels * 16); }),
               "61680x61680"));
}

TEST(JpegFile, EveryCutIsTruncated) {
  for (const Bytes& file : all_kinds()) {
    for (std::size_t size = 0; size < file.size(); ++size) {
      const Bytes part(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_THROW(decode(part), TruncatedError) << size;
    }
  }
}

TEST(JpegFile, DamageNeverCrashes) {
  const CounterRandom random(7, 0);
  std::uint64_t draw = 0;
  for (const Bytes& file : all_kinds()) {
    for (std::size_t i = 0; i < file.size(); ++i) {
      Bytes damaged = file;
      damaged[i] ^= static_cast<std::uint8_t>(1 << random.bits(draw++) % 8);
      try {
        EXPECT_LE(decode(damaged).image.shape.pixels(), 1u << 20);
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace pie

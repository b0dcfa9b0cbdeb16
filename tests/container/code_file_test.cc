// Code files round trip within their size budget, and no damage or cut passes unnoticed.
#include "lib/container/code_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/base/random.h"
#include "tests/container/allocation_watch.h"

namespace pie {
namespace {

using Symbols = std::vector<std::int32_t>;

constexpr std::uint32_t kStep = 256;
const Fingerprint kModel = {0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7};

// Symbols each item has in layer 0, 1, ...: z is small, detail grows.
std::size_t symbols_per_item(int layer) {
  return layer == 0 ? 16 : 20 * static_cast<std::size_t>(layer);
}

Symbols layer_symbols(std::uint64_t items, int layer) {
  const CounterRandom random(11, static_cast<std::uint64_t>(layer));
  Symbols symbols(static_cast<std::size_t>(items) * symbols_per_item(layer));
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    symbols[i] = static_cast<std::int32_t>(std::lround(random.normal(i) * 1024 / kStep));
  }
  return symbols;
}

FrameHeader digits_header(std::uint64_t images, int layers) {
  FrameHeader header;
  header.fingerprint = kModel;
  header.archive = images > 1;
  header.images = images;
  header.width = header.height = 28;
  header.step = kStep;
  header.total_layers = layers;
  return header;
}

Frame make_frame(const FrameHeader& header) {
  Frame frame;
  frame.header = header;
  for (int layer = 0; layer < header.total_layers; ++layer) {
    frame.layers.push_back(encode_layer(layer_symbols(header.items(), layer),
                                        symbols_per_item(layer), NormalSymbols(kStep)));
  }
  return frame;
}

Frame digits(std::uint64_t images, int layers) { return make_frame(digits_header(images, layers)); }

// A frame of an integer model; how its symbols are coded is not the container's business.
Frame lossless_digits(std::uint64_t images, int layers) {
  Frame frame = digits(images, layers);
  frame.header.step = 0;
  for (std::uint64_t g = 0; g < frame.header.pixel_groups(); ++g) {
    frame.header.pixel_hashes.push_back(0x0123456789ABCDEF * (g + 1));
  }
  return frame;
}

// All symbols of a file, layer by layer, as a decoder would get them.
std::vector<Symbols> decode_all(const Bytes& bytes) {
  const CodeFile file(bytes);
  file.require_layers();
  std::vector<Symbols> all;
  for (const StoredFrame& frame : file.frames()) {
    const NormalSymbols table(kStep);
    for (int layer = 0; layer < frame.layers(); ++layer) {
      Symbols& symbols = all.emplace_back();
      for (std::uint64_t b = 0; b < frame.blocks(); ++b) {
        const Symbols part = frame.decode_block(layer, b, symbols_per_item(layer), table);
        symbols.insert(symbols.end(), part.begin(), part.end());
      }
    }
    frame.chunks();
  }
  return all;
}

template <typename Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

Bytes concatenated(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes first_bytes(const Bytes& bytes, std::size_t count) {
  return Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
}

// Where the CRC of the first frame's header starts, for headers shorter than 128 bytes.
std::size_t crc_position(const Bytes& file) { return 6 + std::size_t{file[5]}; }

void fix_header_crc(Bytes& file) {
  const std::size_t position = crc_position(file);
  const std::uint32_t crc = crc32(file.data(), position);
  for (std::size_t i = 0; i < 4; ++i)
    file[position + i] = static_cast<std::uint8_t>(crc >> (8 * i));
}

// Damage must be reported, or must not matter.
void expect_noticed(const Bytes& damaged, const std::vector<Symbols>& expected,
                    const std::string& what) {
  try {
    EXPECT_EQ(decode_all(damaged), expected) << what;
  } catch (const Error& error) {
    EXPECT_TRUE(error.code() == ExitCode::kDamaged || error.code() == ExitCode::kUnsupported ||
                error.code() == ExitCode::kVerification)
        << what << ": " << error.what();
  }
}

// -------------------------------------------------------------------------------------------
// Round trips

TEST(CodeFile, SingleImageRoundTrips) {
  const Bytes bytes = write_frame(digits(1, 4));
  EXPECT_EQ(bytes, write_frame(digits(1, 4)));
  const CodeFile file(bytes);
  ASSERT_EQ(file.frames().size(), 1U);
  const StoredFrame& frame = file.frames()[0];
  EXPECT_EQ(frame.header().fingerprint, kModel);
  EXPECT_EQ(frame.header().width, 28U);
  EXPECT_EQ(frame.header().height, 28U);
  EXPECT_EQ(frame.header().channels, 1);
  EXPECT_EQ(frame.header().sample_bits, 8);
  EXPECT_EQ(frame.header().step, kStep);
  EXPECT_EQ(frame.header().images, 1U);
  EXPECT_FALSE(frame.header().archive);
  EXPECT_FALSE(frame.header().lossless());
  EXPECT_EQ(frame.layers(), 4);
  EXPECT_EQ(frame.whole_layers(), 4);
  EXPECT_FALSE(frame.cut());
  EXPECT_EQ(frame.size(), bytes.size());
  EXPECT_EQ(frame.layer_name(0), "z");
  EXPECT_EQ(frame.layer_name(1), "r_3");
  EXPECT_EQ(frame.layer_name(3), "r_1");
  const auto symbols = decode_all(bytes);
  for (int layer = 0; layer < 4; ++layer) {
    EXPECT_EQ(symbols[static_cast<std::size_t>(layer)], layer_symbols(1, layer));
  }
  EXPECT_NO_THROW(file.check());
}

TEST(CodeFile, ArchiveDecodesBlockByBlock) {
  const Bytes bytes = write_frame(digits(600, 3));
  const CodeFile file(bytes);
  const StoredFrame& frame = file.frames()[0];
  EXPECT_TRUE(frame.header().archive);
  ASSERT_EQ(frame.blocks(), 3U);
  EXPECT_EQ(frame.header().items_in_block(2), 600U - 512U);
  // Block 1 of layer 2 on its own.
  const Symbols all = layer_symbols(600, 2);
  const auto first = all.begin() + static_cast<std::ptrdiff_t>(256 * symbols_per_item(2));
  EXPECT_EQ(frame.decode_block(2, 1, symbols_per_item(2), NormalSymbols(kStep)),
            Symbols(first, first + static_cast<std::ptrdiff_t>(256 * symbols_per_item(2))));
  EXPECT_THROW(frame.block(3, 0), UsageError);
  EXPECT_THROW(frame.block(0, 3), UsageError);
  EXPECT_THROW(frame.decode_block(0, 0, 16, NormalSymbols(kStep + 1)), UsageError);
}

TEST(CodeFile, EveryHeaderFieldRoundTrips) {
  for (int variant = 0; variant < 32; ++variant) {
    FrameHeader header = digits_header(variant % 2 == 0 ? 1 : 40, 2);
    header.channels = 1 + variant % 4;
    header.sample_bits = (variant & 8) != 0 ? 16 : 8;
    if ((variant & 16) != 0) {
      header.width = 100;
      header.height = 300;
      header.tile_width = 32;
      header.tile_height = 48;
    }
    const Bytes bytes = write_frame(make_frame(header));
    const FrameHeader read = CodeFile(bytes).frames()[0].header();
    EXPECT_EQ(read.archive, header.archive);
    EXPECT_EQ(read.images, header.images);
    EXPECT_EQ(read.width, header.width);
    EXPECT_EQ(read.height, header.height);
    EXPECT_EQ(read.tile_width, header.tile_width);
    EXPECT_EQ(read.tile_height, header.tile_height);
    EXPECT_EQ(read.channels, header.channels);
    EXPECT_EQ(read.sample_bits, header.sample_bits);
    EXPECT_EQ(read.items(), header.tiled() ? header.images * 28 : header.images);
    EXPECT_EQ(decode_all(bytes)[0], layer_symbols(header.items(), 0));
  }
}

TEST(CodeFile, PixelHashesCoverGroupsOfImages) {
  const Bytes archive = write_frame(lossless_digits(600, 2));
  const CodeFile file(archive);
  const StoredFrame& frame = file.frames()[0];
  ASSERT_EQ(frame.header().pixel_groups(), 3U);
  EXPECT_TRUE(frame.header().lossless());
  EXPECT_NO_THROW(frame.verify_pixels(1, 0x0123456789ABCDEF * 2));
  EXPECT_EQ(message_of([&] { frame.verify_pixels(1, 5); }),
            "decoder disagrees in the pixels of images 256 to 511: the file is intact, but the "
            "result is not what was encoded");
  EXPECT_THROW(frame.verify_pixels(3, 5), UsageError);

  // A small image keeps two bytes of its hash.
  const Bytes one = write_frame(lossless_digits(1, 2));
  const CodeFile single(one);
  EXPECT_NO_THROW(single.frames()[0].verify_pixels(0, 0x0123456789ABCDEF));
  EXPECT_THROW(single.frames()[0].verify_pixels(0, 0x0123456789ABCDEE), VerificationError);

  FrameHeader tiled = digits_header(10, 2);
  tiled.tile_width = 10;
  tiled.tile_height = 14;
  EXPECT_EQ(tiled.tiles_per_image(), 6U);
  EXPECT_EQ(tiled.images_per_pixel_group(), 42U);
  tiled.tile_width = tiled.tile_height = 1;
  EXPECT_EQ(tiled.images_per_pixel_group(), 1U);
  EXPECT_EQ(tiled.pixel_groups(), 10U);
}

TEST(CodeFile, WriterRefusesContradictions) {
  const auto refuses = [](auto change) {
    Frame frame = lossless_digits(1, 3);
    change(frame);
    EXPECT_THROW(write_frame(frame), UsageError);
  };
  refuses([](Frame& f) { f.header.width = 0; });
  refuses([](Frame& f) { f.header.images = 2; });
  refuses([](Frame& f) { f.header.channels = 5; });
  refuses([](Frame& f) { f.header.sample_bits = 12; });
  refuses([](Frame& f) { f.header.step = kMaxStep + 1; });
  refuses([](Frame& f) { f.header.step = 1; });
  refuses([](Frame& f) { f.header.tile_height = 3; });
  refuses([](Frame& f) { f.header.total_layers = 2; });
  refuses([](Frame& f) { f.header.total_layers = 4; });
  refuses([](Frame& f) { f.header.pixel_hashes.push_back(1); });
  refuses([](Frame& f) { f.layers[1].clear(); });
  refuses([](Frame& f) { f.layers.clear(); });
  refuses([](Frame& f) { f.chunks.push_back({"ab1d", {}}); });
  refuses([](Frame& f) { f.chunks.push_back({"abc", {}}); });
  EXPECT_THROW(encode_layer({1, 2, 3}, 2, NormalSymbols(1)), UsageError);
  EXPECT_THROW(encode_layer({1, 2, 3}, 0, NormalSymbols(1)), UsageError);
}

// -------------------------------------------------------------------------------------------
// Size budget

std::uint64_t overhead(const Frame& frame) {
  std::uint64_t payload = 0;
  for (const auto& layer : frame.layers) {
    for (const CodedBlock& block : layer) payload += block.bytes.size();
  }
  const Bytes bytes = write_frame(frame);
  const CodeFile file(bytes);
  EXPECT_EQ(file.frames()[0].overhead_bytes(), bytes.size() - payload);
  return bytes.size() - payload;
}

TEST(CodeFile, SingleImageOverheadIsWithinBudget) {
  for (int layers = 1; layers <= 8; ++layers) {
    const auto budget = static_cast<std::uint64_t>(32 + 6 * (layers - 1));
    EXPECT_LE(overhead(digits(1, layers)), budget) << layers << " layers";
    EXPECT_LE(overhead(lossless_digits(1, layers)), budget) << layers << " layers, lossless";
  }
  RecordProperty("lossy_5_layers", std::to_string(overhead(digits(1, 5))));
  RecordProperty("lossless_5_layers", std::to_string(overhead(lossless_digits(1, 5))));
}

TEST(CodeFile, SingleImageOverheadIsWithinBudgetWithLargeLayers) {
  // Lengths of 64 bytes and more take another byte; there is room for three such layers.
  for (const bool lossless : {false, true}) {
    Frame frame;
    frame.header = digits_header(1, 5);
    if (lossless) {
      frame.header.step = 0;
      frame.header.pixel_hashes = {1};
    }
    for (const std::size_t size : {5U, 40U, 80U, 200U, 400U}) {
      frame.layers.push_back({{BlockMode::kRans, Bytes(size), 0}});
    }
    EXPECT_LE(overhead(frame), 56U);
  }
}

TEST(CodeFile, ArchiveOverheadIsAtMostOneByteAnImage) {
  for (const std::uint64_t images : {1000U, 3001U}) {
    for (const int layers : {1, 5, 10}) {
      EXPECT_LE(overhead(digits(images, layers)), images);
      EXPECT_LE(overhead(lossless_digits(images, layers)), images);
    }
  }
}

// -------------------------------------------------------------------------------------------
// Damage

class DamageTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  // 1 image, or an archive of two blocks; several layers and a metadata chunk.
  DamageTest() {
    Frame frame = digits(GetParam(), 3);
    if (GetParam() > 1) {
      // Few symbols an image, to keep the file and so the test small.
      frame.layers.clear();
      for (int layer = 0; layer < 3; ++layer) {
        Symbols symbols = layer_symbols(GetParam(), layer);
        for (std::size_t i = 0; i < symbols.size(); ++i) {
          if (i % 40 != 0) symbols[i] = 0;
        }
        frame.layers.push_back(
            encode_layer(symbols, symbols_per_item(layer), NormalSymbols(kStep)));
      }
    }
    frame.chunks.push_back({"tEXt", {'a', 0, 'b'}});
    bytes_ = write_frame(frame);
    expected_ = decode_all(bytes_);
  }

  Bytes bytes_;
  std::vector<Symbols> expected_;
};

TEST_P(DamageTest, EveryFlipIsNoticed) {
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    for (const int change : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
      Bytes damaged = bytes_;
      damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ change);
      EXPECT_THROW(CodeFile(damaged).check(), DamagedError) << "byte " << i;
      // Decoding all blocks for each flip would take minutes and adds nothing to their CRCs.
      if (change == 255 && (GetParam() == 1 || i % 16 == 0)) {
        expect_noticed(damaged, expected_, "byte " + std::to_string(i));
      }
    }
  }
}

TEST_P(DamageTest, EveryCutIsNoticedAndLeavesTheWholeLayers) {
  const CodeFile whole(bytes_);
  const auto points = breakpoints(whole.frames()[0]);
  for (std::size_t size = 0; size < bytes_.size(); ++size) {
    const Bytes cut = first_bytes(bytes_, size);
    EXPECT_THROW(decode_all(cut), DamagedError) << size;
    if (size < whole.frames()[0].overhead_bytes()) {
      EXPECT_THROW(CodeFile{cut}, DamagedError) << size;
      continue;
    }
    const CodeFile file(cut);
    EXPECT_TRUE(file.truncated());
    EXPECT_THROW(file.check(), TruncatedError);
    const StoredFrame& frame = file.frames()[0];
    int layers = 0;
    while (layers < 3 && points[static_cast<std::size_t>(layers)].offset <= size) ++layers;
    ASSERT_EQ(frame.whole_layers(), layers) << size;
    EXPECT_NO_THROW(file.require_layers(layers));
    if (layers < 3) {
      EXPECT_THROW(file.require_layers(layers + 1), TruncatedError);
      EXPECT_THROW(frame.block(layers, frame.blocks() - 1), TruncatedError);
    }
  }
}

// The CRC keeps accidents out; this is about malice.
TEST_P(DamageTest, HeadersWithRightCrcNeverCrashOrHoard) {
  const CounterRandom random(1, 1);
  std::uint64_t next = 0;
  const std::size_t end = crc_position(bytes_);
  test::reset_largest_allocation();
  for (std::size_t i = 6; i < end; ++i) {
    for (int value = 0; value < 256; value += GetParam() == 1 ? 1 : 15) {
      Bytes hostile = bytes_;
      hostile[i] = static_cast<std::uint8_t>(value);
      // Half of them with a second change.
      if (value % 2 == 1) {
        hostile[6 + random.bits(next) % (end - 6)] =
            static_cast<std::uint8_t>(random.bits(next + 1));
        next += 2;
      }
      fix_header_crc(hostile);
      try {
        const CodeFile file(hostile);
        file.check();
        decode_all(hostile);
      } catch (const Error&) {
      }
    }
  }
  // Symbols of two full blocks of the largest layer, decoded.
  EXPECT_LE(test::largest_allocation(), 5U * 512U * symbols_per_item(3) + 200000U);
}

INSTANTIATE_TEST_SUITE_P(Files, DamageTest, testing::Values(1, 300));

TEST(CodeFile, HostileSizesAreRefusedBeforeAllocating) {
  const auto refused = [](auto change, int layers = 1) {
    ByteWriter fields;
    std::vector<std::uint64_t> values = {1, 28, 28, 1, 64};  // flags, width, height, images, step
    change(values);
    fields.varint(values[0]);
    fields.u64(0);
    for (std::size_t i = 1; i < values.size(); ++i) fields.varint(values[i]);
    for (int i = 0; i < 6 * layers; ++i) fields.u8(0);  // one block of no bytes each
    ByteWriter out;
    out.raw("\x89PIE\x01", 5);
    out.varint(fields.size());
    out.raw(fields.bytes());
    out.u32(crc32(out.bytes().data(), out.size()));
    test::reset_largest_allocation();
    const std::string message = message_of([&] { CodeFile file(out.bytes()); });
    EXPECT_LE(test::largest_allocation(), 20000U);
    return message;
  };
  EXPECT_EQ(refused([](auto&) {}), "no error");
  EXPECT_NE(refused([](auto& v) { v[1] = v[2] = 1U << 20; }).find("above the limit"),
            std::string::npos);
  EXPECT_NE(refused([](auto& v) { v[3] = 1U << 30; }).find("above the limit"), std::string::npos);
  EXPECT_EQ(refused([](auto& v) { v[3] = 5000000; }),
            "damaged at byte 0: impossible header length in the header");
  EXPECT_EQ(refused([](auto& v) { v[3] = kMaxVarint; }),
            "damaged at byte 0: impossible number of images in the header");
  EXPECT_EQ(refused([](auto& v) { v[3] = 0; }),
            "damaged at byte 0: impossible number of images in the header");
  EXPECT_EQ(refused([](auto& v) { v[2] = 0; }),
            "damaged at byte 0: impossible image size in the header");
  EXPECT_EQ(refused([](auto& v) { v[1] = kMaxVarint; }),
            "damaged at byte 0: impossible integer in the header");
  EXPECT_EQ(refused([](auto& v) { v[4] = kMaxStep + 1; }),
            "damaged at byte 0: impossible quantization step in the header");
  EXPECT_EQ(refused([](auto&) {}, 0),
            "damaged at byte 0: impossible number of layers in the header");
  EXPECT_EQ(refused([](auto&) {}, kMaxLayers), "no error");
  EXPECT_EQ(refused([](auto&) {}, kMaxLayers + 1),
            "damaged at byte 0: impossible number of layers in the header");
  // Cut, of no more layers than are there.
  EXPECT_EQ(refused([](auto& v) { v = {129, 28, 28, 1, 64, 3}; }, 3),
            "damaged at byte 0: impossible number of layers in the header");
  EXPECT_EQ(refused([](auto& v) { v = {129, 28, 28, 1, 64, 0}; }, 3),
            "damaged at byte 0: impossible number of layers in the header");
  EXPECT_EQ(refused([](auto& v) { v = {129, 28, 28, 1, 64, 4}; }, 3), "no error");
  // Tiles so large that a tiny image would be padded beyond the limit.
  EXPECT_NE(
      refused([](auto& v) { v = {3, 28, 28, 1, 1U << 20, 1U << 20, 64}; }).find("above the limit"),
      std::string::npos);
  // Lossless and cut contradict each other.
  EXPECT_EQ(refused([](auto& v) {
              v = {133, 28, 28, 1, 4};
            }),
            "damaged at byte 0: impossible lossless flag in the header");
}

TEST(CodeFile, LimitsAreTheCallers) {
  const Bytes bytes = write_frame(digits(10, 1));
  Limits limits;
  limits.pixels_per_image = 28 * 28;
  limits.pixels_per_frame = 28 * 28 * 10;
  EXPECT_NO_THROW(CodeFile(bytes, limits));
  --limits.pixels_per_frame;
  EXPECT_EQ(message_of([&] { CodeFile file(bytes, limits); }),
            "10 images of 28 x 28 pixels are above the limit of 784 pixels an image, 7839 in all");
}

TEST(CodeFile, NewerVersionsAndFeaturesAreNotDamage) {
  Bytes version = write_frame(digits(1, 1));
  version[4] = 2;
  EXPECT_THROW(CodeFile{version}, DamagedError);  // the CRC is wrong
  fix_header_crc(version);
  EXPECT_EQ(message_of([&] { CodeFile file(version); }),
            "needs a newer pie: code file format 2, known is 1");
  EXPECT_THROW(CodeFile{version}, UnsupportedError);

  Bytes flags = write_frame(digits(1, 1));
  // An unknown flag: the flags become two bytes, one of which is taken from the fingerprint.
  flags[6] = 0x80;
  flags[7] = 0x02;
  fix_header_crc(flags);
  EXPECT_THROW(CodeFile{flags}, UnsupportedError);
}

TEST(CodeFile, OtherFilesAreNotCodeFiles) {
  for (const Bytes& bytes : {Bytes{}, Bytes{'G', 'I', 'F', '8', '9', 'a'}, Bytes(100, 0)}) {
    EXPECT_EQ(message_of([&bytes] { CodeFile file(bytes); }), "not a PIE code file");
  }
}

TEST(CodeFile, IntactBytesThatDecodeDifferentlyAreAnotherError) {
  Frame frame = digits(1, 2);
  frame.layers[1][0].symbol_hash ^= 1;
  const Bytes bytes = write_frame(frame);
  EXPECT_NO_THROW(CodeFile(bytes).check());
  EXPECT_EQ(message_of([&] { decode_all(bytes); }),
            "decoder disagrees in layer r_1: the file is intact, but this machine or model decodes "
            "other symbols");
  EXPECT_THROW(decode_all(bytes), VerificationError);
  // A model with another number of symbols: the entropy decoder does not end as it should.
  const CodeFile file(bytes);
  EXPECT_THROW(file.frames()[0].decode_block(0, 0, 15, NormalSymbols(kStep)), VerificationError);
}

TEST(CodeFile, ErrorsNameThePlaceOfDamage) {
  Bytes bytes = write_frame(digits(300, 2));
  const CodeFile whole(bytes);
  const auto points = breakpoints(whole.frames()[0]);
  const std::uint64_t start = points[0].offset;
  const Bytes intact = bytes;
  bytes[static_cast<std::size_t>(start)] ^= 1;
  EXPECT_EQ(message_of([&] { CodeFile(bytes).check(); }),
            "damaged at byte " + std::to_string(start) + " (layer r_1, block 0): checksum differs");
  bytes = intact;
  bytes[10] ^= 1;
  EXPECT_EQ(message_of([&] { CodeFile file(bytes); }),
            "damaged at byte 0: header checksum differs");
}

// -------------------------------------------------------------------------------------------
// Cuts

TEST(CodeFile, TruncationNamesWholeLayersAndRemedy) {
  const Bytes bytes = write_frame(digits(1, 4));
  const auto points = breakpoints(CodeFile(bytes).frames()[0]);
  ASSERT_EQ(points.size(), 4U);
  EXPECT_EQ(points[0].layer, "z");
  EXPECT_EQ(points[3].layer, "r_1");
  EXPECT_EQ(points[3].offset, bytes.size());
  const auto message = [&](std::uint64_t size) {
    const Bytes cut = first_bytes(bytes, static_cast<std::size_t>(size));
    return message_of([&] { CodeFile(cut).require_layers(); });
  };
  EXPECT_EQ(message(points[1].offset + 1),
            "truncated in layer r_2; layers z, r_3 are whole: use --layers 2 or --allow-partial");
  EXPECT_EQ(message(points[0].offset),
            "truncated in layer r_3; layer z is whole: use --layers 1 or --allow-partial");
  EXPECT_EQ(message(points[0].offset - 1), "truncated in layer z; no layer is whole");
  EXPECT_EQ(message(10), "truncated at byte 10, inside the frame at byte 0");

  const Bytes cut = first_bytes(bytes, static_cast<std::size_t>(points[1].offset));
  const CodeFile file(cut);
  EXPECT_EQ(breakpoints(file.frames()[0]).size(), 2U);
  EXPECT_NO_THROW(file.require_layers(2));
  EXPECT_THROW(file.require_layers(3), TruncatedError);
  EXPECT_EQ(message_of([&] { file.require_layers(5); }),
            "the code file holds 4 of 4 layers, not 5");
}

TEST(CodeFile, CutLayersKeepsAPrefixAndItsMetadata) {
  Frame frame = lossless_digits(300, 4);
  frame.chunks.push_back({"prIv", {1, 2, 3}});
  const Bytes bytes = write_frame(frame);
  const CodeFile whole(bytes);
  EXPECT_EQ(cut_layers(whole.frames()[0], 4), bytes);
  for (int layers = 1; layers < 4; ++layers) {
    const Bytes cut = cut_layers(whole.frames()[0], layers);
    const CodeFile file(cut);
    const StoredFrame& kept = file.frames()[0];
    EXPECT_NO_THROW(file.check());
    EXPECT_TRUE(kept.cut());
    EXPECT_FALSE(kept.header().lossless());
    EXPECT_EQ(kept.layers(), layers);
    EXPECT_EQ(kept.header().total_layers, 4);
    EXPECT_EQ(kept.layer_name(layers - 1), whole.frames()[0].layer_name(layers - 1));
    ASSERT_EQ(kept.chunks().size(), 1U);
    EXPECT_EQ(kept.chunks()[0].data, (Bytes{1, 2, 3}));
    const Symbols expected = layer_symbols(300, layers - 1);
    const Symbols first(
        expected.begin(),
        expected.begin() + static_cast<std::ptrdiff_t>(256 * symbols_per_item(layers - 1)));
    const ByteSpan block = kept.block(layers - 1, 0);
    EXPECT_EQ(decode_symbols(kept.mode(layers - 1, 0), block, first.size(), NormalSymbols(kStep)),
              first);
    EXPECT_NO_THROW(kept.verify_symbols(layers - 1, 0, first.data(), first.size()));
    // Cutting the cut frame is cutting the whole one.
    EXPECT_EQ(cut_layers(kept, 1), cut_layers(whole.frames()[0], 1));
    EXPECT_THROW(cut_layers(kept, layers + 1), UsageError);
  }
  EXPECT_THROW(cut_layers(whole.frames()[0], 0), UsageError);
}

TEST(CodeFile, CutLayersTakesATruncatedFrameButNoDamage) {
  const Bytes bytes = write_frame(digits(1, 3));
  const CodeFile whole(bytes);
  const auto points = breakpoints(whole.frames()[0]);
  const Bytes truncated = first_bytes(bytes, static_cast<std::size_t>(points[1].offset) + 1);
  const CodeFile file(truncated);
  EXPECT_EQ(cut_layers(file.frames()[0], 2), cut_layers(whole.frames()[0], 2));
  EXPECT_THROW(cut_layers(file.frames()[0], 3), TruncatedError);
  Bytes damaged = bytes;
  damaged[static_cast<std::size_t>(points[0].offset)] ^= 1;
  const CodeFile other(damaged);
  EXPECT_NO_THROW(cut_layers(other.frames()[0], 1));
  EXPECT_THROW(cut_layers(other.frames()[0], 2), DamagedError);
}

// -------------------------------------------------------------------------------------------
// Several frames, metadata

TEST(CodeFile, FramesConcatenateAndSkippableFramesAreSkipped) {
  const Bytes a = write_frame(digits(1, 2));
  const Bytes b = write_frame(digits(300, 2));
  const Bytes skip = write_skippable_frame(15, {1, 2, 3});
  const Bytes bytes = concatenated({skip, a, skip, b, write_skippable_frame(0, {})});
  const CodeFile file(bytes);
  ASSERT_EQ(file.frames().size(), 2U);
  EXPECT_NO_THROW(file.check());
  EXPECT_EQ(file.frames()[1].offset(), 2 * skip.size() + a.size());
  EXPECT_EQ(decode_all(bytes)[3], layer_symbols(300, 1));
  const FileSummary summary = file.summary();
  EXPECT_EQ(summary.frames, 2U);
  EXPECT_EQ(summary.images, 301U);
  EXPECT_EQ(summary.whole_layers, 2);
  EXPECT_FALSE(summary.lossless);
  EXPECT_FALSE(summary.truncated);
  EXPECT_EQ(summary.payload_bytes + summary.overhead_bytes, a.size() + b.size());
  EXPECT_THROW(write_skippable_frame(16, {}), UsageError);
  EXPECT_THROW(CodeFile{skip}, DamagedError);
}

TEST(CodeFile, JunkBehindAFrameIsDamage) {
  const Bytes a = write_frame(digits(1, 2));
  for (const Bytes& junk : {Bytes{0}, Bytes{'\n'}, Bytes{'P', 'I', 'E'}, Bytes(50, 0xFF)}) {
    const Bytes bytes = concatenated({a, junk});
    EXPECT_EQ(message_of([&] { CodeFile file(bytes); }),
              "damaged at byte " + std::to_string(a.size()) + ": not a frame");
  }
}

TEST(CodeFile, CutsBetweenFramesAreValidAndOthersConcernTheLastFrame) {
  const Bytes a = write_frame(digits(1, 2));
  const Bytes two = concatenated({a, a});
  const Bytes one = first_bytes(two, a.size());
  EXPECT_NO_THROW(CodeFile(one).check());
  for (std::size_t size = a.size() + 1; size < two.size(); ++size) {
    const Bytes cut = first_bytes(two, size);
    const CodeFile file(cut);
    EXPECT_TRUE(file.truncated());
    EXPECT_FALSE(file.frames()[0].truncated());
    EXPECT_THROW(file.require_layers(2), TruncatedError);
    EXPECT_THROW(file.check(), TruncatedError);
  }
  const Bytes cut = first_bytes(two, a.size() + 5);
  EXPECT_EQ(message_of([&] { CodeFile(cut).require_layers(); }),
            "truncated at byte " + std::to_string(cut.size()) + ", inside the frame at byte " +
                std::to_string(a.size()) + "; 1 frame is whole: use --allow-partial");
}

TEST(CodeFile, MetadataRoundTripsAndDamageToItIsAWarning) {
  Frame frame = digits(1, 2);
  const std::size_t without = write_frame(frame).size();
  frame.chunks = {{"iCCP", Bytes(200, 7)}, {"prIv", {}}};
  const Bytes bytes = write_frame(frame);
  const CodeFile file(bytes);
  const auto chunks = file.frames()[0].chunks();
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_EQ(chunks[0].type, "iCCP");
  EXPECT_EQ(chunks[0].data, Bytes(200, 7));
  EXPECT_EQ(chunks[1].type, "prIv");
  EXPECT_GT(file.frames()[0].metadata_bytes(), 200U);
  EXPECT_GT(bytes.size(), without + 200);

  Bytes damaged = bytes;
  damaged[bytes.size() - 100] ^= 1;
  const CodeFile other(damaged);
  std::vector<std::string> warnings;
  EXPECT_EQ(other.frames()[0].chunks(&warnings).size(), 1U);
  EXPECT_EQ(warnings.size(), 1U);
  EXPECT_THROW(other.frames()[0].chunks(), DamagedError);
  EXPECT_THROW(other.check(), DamagedError);

  const Bytes cut = first_bytes(bytes, bytes.size() - 1);
  const CodeFile truncated(cut);
  warnings.clear();
  EXPECT_EQ(truncated.frames()[0].chunks(&warnings).size(), 1U);
  EXPECT_EQ(warnings, std::vector<std::string>{"truncated in the metadata"});
  EXPECT_EQ(message_of([&] { truncated.require_layers(); }),
            "truncated in the metadata; layers z, r_1 are whole: use --layers 2 or "
            "--allow-partial");
}

TEST(CodeFile, UnknownCriticalMetadataNeedsANewerReader) {
  Frame frame = digits(1, 2);
  frame.chunks = {{"NeED", {1}}};
  const Bytes bytes = write_frame(frame);
  const CodeFile file(bytes);
  std::vector<std::string> warnings;
  EXPECT_THROW(file.frames()[0].chunks(&warnings), UnsupportedError);
  EXPECT_THROW(file.check(), UnsupportedError);
}

// -------------------------------------------------------------------------------------------
// The specification

// The bytes of the hex dump in FORMAT.md: lines of an offset, a colon and bytes, up to two spaces.
Bytes dump_in_specification() {
  std::ifstream text(PIE_FORMAT_SPECIFICATION);
  EXPECT_TRUE(text.is_open());
  Bytes bytes;
  for (std::string line; std::getline(text, line);) {
    if (line.size() < 6 || line[4] != ':' || line.find_first_not_of("0123456789abcdef") != 4) {
      continue;
    }
    EXPECT_EQ(std::stoul(line.substr(0, 4), nullptr, 16), bytes.size()) << line;
    std::istringstream digits(line.substr(5, line.find("  ", 6) - 5));
    for (std::string byte; digits >> byte;) {
      bytes.push_back(static_cast<std::uint8_t>(std::stoul(byte, nullptr, 16)));
    }
  }
  return bytes;
}

TEST(CodeFile, SpecificationShowsARealFile) {
  Frame frame;
  frame.header.fingerprint = {0x3F, 0x9A, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55};
  frame.header.width = 28;
  frame.header.height = 20;
  frame.header.step = 256;
  frame.header.total_layers = 2;
  const NormalSymbols table(256);
  frame.layers.push_back(encode_layer({0, -1, 3, 2, 0, -25}, 6, table));
  frame.layers.push_back(encode_layer({7, -8, 6, -5, 5, 7, -6, -8}, 8, table));
  frame.chunks.push_back({"tEXt", {'h', 'i'}});
  const Bytes bytes = write_frame(frame);
  EXPECT_EQ(dump_in_specification(), bytes) << to_hex(bytes.data(), bytes.size());
  EXPECT_EQ(CodeFile(bytes).frames()[0].mode(0, 0), BlockMode::kRans);
  EXPECT_EQ(CodeFile(bytes).frames()[0].mode(1, 0), BlockMode::kRaw);
}

}  // namespace
}  // namespace pie

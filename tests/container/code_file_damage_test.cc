// No damage passes unnoticed, and no hostile file crashes or hoards memory.
#include <gtest/gtest.h>

#include "lib/base/checksum.h"
#include "tests/container/allocation_watch.h"
#include "tests/container/sample_files.h"

namespace pie::test {
namespace {

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

class CodeFileDamageTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  // 1 image, or an archive of two blocks; several layers and a metadata chunk.
  CodeFileDamageTest() {
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

TEST_P(CodeFileDamageTest, EveryFlipIsNoticed) {
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

TEST_P(CodeFileDamageTest, EveryCutIsNoticedAndLeavesTheWholeLayers) {
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
TEST_P(CodeFileDamageTest, HeadersWithRightCrcNeverCrashOrHoard) {
  const CounterRandom random(1, 1);
  std::uint64_t next = 0;
  const std::size_t end = crc_position(bytes_);
  reset_largest_allocation();
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
  EXPECT_LE(largest_allocation(), 5U * 2U * kItemsPerBlock * symbols_per_item(3) + 200000U);
}

INSTANTIATE_TEST_SUITE_P(Files, CodeFileDamageTest, testing::Values(1, kTwoBlocks));

TEST(CodeFileDamage, HostileSizesAreRefusedBeforeAllocating) {
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
    reset_largest_allocation();
    const std::string message = failure([&] { CodeFile file(out.bytes()); });
    EXPECT_LE(largest_allocation(), 20000U);
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

TEST(CodeFileDamage, LimitsAreTheCallers) {
  const Bytes bytes = write_frame(digits(10, 1));
  Limits limits;
  limits.pixels_per_image = 28 * 28;
  limits.pixels_per_frame = 28 * 28 * 10;
  EXPECT_NO_THROW(CodeFile(bytes, limits));
  --limits.pixels_per_frame;
  EXPECT_EQ(failure([&] { CodeFile file(bytes, limits); }),
            "10 images of 28 x 28 pixels are above the limit of 784 pixels an image, 7839 in all");
}

TEST(CodeFileDamage, NewerVersionsAndFeaturesAreNotDamage) {
  Bytes version = write_frame(digits(1, 1));
  version[4] = 2;
  EXPECT_THROW(CodeFile{version}, DamagedError);  // the CRC is wrong
  fix_header_crc(version);
  EXPECT_EQ(failure([&] { CodeFile file(version); }),
            "needs a newer pie: code file format 2; formats 1 to 1 are read");
  EXPECT_THROW(CodeFile{version}, UnsupportedError);

  Bytes flags = write_frame(digits(1, 1));
  // An unknown flag: the flags become two bytes, one of which is taken from the fingerprint.
  flags[6] = 0x80;
  flags[7] = 0x02;
  fix_header_crc(flags);
  EXPECT_THROW(CodeFile{flags}, UnsupportedError);
}

TEST(CodeFileDamage, OtherFilesAreNotCodeFiles) {
  for (const Bytes& bytes : {Bytes{}, Bytes{'G', 'I', 'F', '8', '9', 'a'}, Bytes(100, 0)}) {
    EXPECT_EQ(failure([&bytes] { CodeFile file(bytes); }), "not a PIE code file");
  }
}

TEST(CodeFileDamage, IntactBytesThatDecodeDifferentlyAreAnotherError) {
  Frame frame = digits(1, 2);
  frame.layers[1][0].symbol_hash ^= 1;
  const Bytes bytes = write_frame(frame);
  EXPECT_NO_THROW(CodeFile(bytes).check());
  EXPECT_EQ(failure([&] { decode_all(bytes); }),
            "decoder disagrees in layer r_1: the file is intact, but this machine or model decodes "
            "other symbols");
  EXPECT_THROW(decode_all(bytes), VerificationError);
  // A model with another number of symbols: the entropy decoder does not end as it should.
  const CodeFile file(bytes);
  EXPECT_THROW(decode_block(file.frames()[0], 0, 0, 15, NormalSymbols(kStep)), VerificationError);
}

TEST(CodeFileDamage, ErrorsNameThePlaceOfDamage) {
  Bytes bytes = write_frame(digits(kTwoBlocks, 2));
  const CodeFile whole(bytes);
  const auto points = breakpoints(whole.frames()[0]);
  const std::uint64_t start = points[0].offset;
  const Bytes intact = bytes;
  bytes[static_cast<std::size_t>(start)] ^= 1;
  EXPECT_EQ(failure([&] { CodeFile(bytes).check(); }),
            "damaged at byte " + std::to_string(start) + " (layer r_1, block 0): checksum differs");
  bytes = intact;
  bytes[10] ^= 1;
  EXPECT_EQ(failure([&] { CodeFile file(bytes); }), "damaged at byte 0: header checksum differs");
}

}  // namespace
}  // namespace pie::test

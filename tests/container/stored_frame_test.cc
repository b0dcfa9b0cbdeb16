// A frame round trips within its size budget and is what FORMAT.md says.
#include "lib/container/stored_frame.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "lib/base/checksum.h"
#include "tests/container/sample_files.h"

namespace pie::test {
namespace {

// -------------------------------------------------------------------------------------------
// Round trips

TEST(Frame, SingleImageRoundTrips) {
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

TEST(Frame, ArchiveDecodesBlockByBlock) {
  const Bytes bytes = write_frame(digits(kThreeBlocks, 3));
  const CodeFile file(bytes);
  const StoredFrame& frame = file.frames()[0];
  EXPECT_TRUE(frame.header().archive);
  ASSERT_EQ(frame.blocks(), 3U);
  EXPECT_EQ(frame.header().items_in_block(2), kThreeBlocks - 2 * kItemsPerBlock);
  // Block 1 of layer 2 on its own.
  const Symbols all = layer_symbols(kThreeBlocks, 2);
  const auto first =
      all.begin() + static_cast<std::ptrdiff_t>(kItemsPerBlock * symbols_per_item(2));
  EXPECT_EQ(
      decode_block(frame, 2, 1, symbols_per_item(2), NormalSymbols(kStep)),
      Symbols(first, first + static_cast<std::ptrdiff_t>(kItemsPerBlock * symbols_per_item(2))));
  EXPECT_THROW(frame.block(3, 0), UsageError);
  EXPECT_THROW(frame.block(0, 3), UsageError);
}

TEST(Frame, EveryHeaderFieldRoundTrips) {
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

TEST(Frame, PixelHashesCoverGroupsOfImages) {
  const Bytes archive = write_frame(lossless_digits(kThreeBlocks, 2));
  const CodeFile file(archive);
  const StoredFrame& frame = file.frames()[0];
  ASSERT_EQ(frame.header().pixel_groups(), 3U);
  EXPECT_TRUE(frame.header().lossless());
  EXPECT_NO_THROW(frame.verify_pixels(1, 0x0123456789ABCDEF * 2));
  EXPECT_EQ(failure([&] { frame.verify_pixels(1, 5); }),
            "decoder disagrees in the pixels of images 512 to 1023: the file is intact, but the "
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
  EXPECT_EQ(tiled.images_per_pixel_group(), 64U);
  tiled.tile_width = tiled.tile_height = 1;
  EXPECT_EQ(tiled.images_per_pixel_group(), 1U);
  EXPECT_EQ(tiled.pixel_groups(), 10U);
}

TEST(Frame, WriterRefusesContradictions) {
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

TEST(Frame, SingleImageOverheadIsWithinBudget) {
  for (int layers = 1; layers <= 8; ++layers) {
    const auto budget = static_cast<std::uint64_t>(32 + 6 * (layers - 1));
    EXPECT_LE(overhead(digits(1, layers)), budget) << layers << " layers";
    EXPECT_LE(overhead(lossless_digits(1, layers)), budget) << layers << " layers, lossless";
  }
  RecordProperty("lossy_5_layers", std::to_string(overhead(digits(1, 5))));
  RecordProperty("lossless_5_layers", std::to_string(overhead(lossless_digits(1, 5))));
}

TEST(Frame, SingleImageOverheadIsWithinBudgetWithLargeLayers) {
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

TEST(Frame, ArchiveOverheadIsAtMostOneByteAnImage) {
  for (const std::uint64_t images : {1000U, 3001U}) {
    for (const int layers : {1, 5, 10}) {
      EXPECT_LE(overhead(digits(images, layers)), images);
      EXPECT_LE(overhead(lossless_digits(images, layers)), images);
    }
  }
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

TEST(Frame, SpecificationShowsARealFile) {
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
}  // namespace pie::test

// Code files made of others: prefixes of their layers, and parts of an archive as the whole.
#include "lib/container/rewrite.h"

#include <gtest/gtest.h>

#include "tests/container/sample_files.h"

namespace pie::test {
namespace {

TEST(Rewrite, CutLayersKeepsAPrefixAndItsMetadata) {
  Frame frame = lossless_digits(kTwoBlocks, 4);
  frame.chunks.push_back({"prIv", {1, 2, 3}});
  const Bytes bytes = write_frame(frame);
  const CodeFile whole(bytes);
  EXPECT_EQ(cut(whole.frames()[0], 4), bytes);
  for (int layers = 1; layers < 4; ++layers) {
    const Bytes kept_bytes = cut(whole.frames()[0], layers);
    const CodeFile file(kept_bytes);
    const StoredFrame& kept = file.frames()[0];
    EXPECT_NO_THROW(file.check());
    EXPECT_TRUE(kept.cut());
    EXPECT_FALSE(kept.header().lossless());
    EXPECT_EQ(kept.layers(), layers);
    EXPECT_EQ(kept.header().total_layers, 4);
    EXPECT_EQ(kept.layer_name(layers - 1), whole.frames()[0].layer_name(layers - 1));
    ASSERT_EQ(kept.chunks().size(), 1U);
    EXPECT_EQ(kept.chunks()[0].data, (Bytes{1, 2, 3}));
    const Symbols expected = layer_symbols(kTwoBlocks, layers - 1);
    const Symbols first(expected.begin(),
                        expected.begin() + static_cast<std::ptrdiff_t>(
                                               kItemsPerBlock * symbols_per_item(layers - 1)));
    EXPECT_EQ(decode_block(kept, layers - 1, 0, symbols_per_item(layers - 1), NormalSymbols(kStep)),
              first);
    // Cutting the cut frame is cutting the whole one.
    EXPECT_EQ(cut(kept, 1), cut(whole.frames()[0], 1));
    EXPECT_THROW(cut(kept, layers + 1), UsageError);
  }
  EXPECT_THROW(cut(whole.frames()[0], 0), UsageError);
}

TEST(Rewrite, CutLayersTakesATruncatedFrameButNoDamage) {
  const Bytes bytes = write_frame(digits(1, 3));
  const CodeFile whole(bytes);
  const auto points = breakpoints(whole.frames()[0]);
  const Bytes truncated = first_bytes(bytes, static_cast<std::size_t>(points[1].offset) + 1);
  const CodeFile file(truncated);
  EXPECT_EQ(cut(file.frames()[0], 2), cut(whole.frames()[0], 2));
  EXPECT_THROW(cut(file.frames()[0], 3), TruncatedError);
  Bytes damaged = bytes;
  damaged[static_cast<std::size_t>(points[0].offset)] ^= 1;
  const CodeFile other(damaged);
  EXPECT_NO_THROW(cut(other.frames()[0], 1));
  EXPECT_THROW(cut(other.frames()[0], 2), DamagedError);
}

// The frame of a lossless archive with some of its blocks only.
Frame part_of(const Frame& whole, std::size_t first, std::size_t last) {
  const auto cut = [&](const auto& all) {
    return std::decay_t<decltype(all)>(all.begin() + static_cast<std::ptrdiff_t>(first),
                                       all.begin() + static_cast<std::ptrdiff_t>(last));
  };
  Frame part = whole;
  part.header.images =
      std::min(last * kItemsPerBlock, whole.header.images) - first * kItemsPerBlock;
  part.header.pixel_hashes = cut(whole.header.pixel_hashes);
  for (std::size_t layer = 0; layer < whole.layers.size(); ++layer) {
    part.layers[layer] = cut(whole.layers[layer]);
  }
  return part;
}

Bytes joined(const std::vector<Frame>& frames) {
  Bytes all;
  for (const Frame& frame : frames) all = concatenated({all, write_frame(frame)});
  Bytes bytes;
  join_frames(CodeFile(all).frames(), append_to(bytes));
  return bytes;
}

TEST(Rewrite, PartsOfAnArchiveAreTheWhole) {
  const Frame whole = lossless_digits(kThreeBlocks, 3);
  const Bytes expected = write_frame(whole);
  EXPECT_EQ(joined({whole}), expected);
  EXPECT_EQ(joined({part_of(whole, 0, 1), part_of(whole, 1, 3)}), expected);
  EXPECT_EQ(joined({part_of(whole, 0, 2), part_of(whole, 2, 3)}), expected);
  EXPECT_EQ(joined({part_of(whole, 0, 1), part_of(whole, 1, 2), part_of(whole, 2, 3)}), expected);
}

TEST(Rewrite, OtherFramesFollowEachOther) {
  const Frame whole = lossless_digits(kThreeBlocks, 3);
  const Frame first = part_of(whole, 0, 1), second = part_of(whole, 1, 3);
  const auto stay_apart = [](const Frame& a, const Frame& b) {
    return joined({a, b}) == concatenated({write_frame(a), write_frame(b)});
  };
  EXPECT_FALSE(stay_apart(first, second));
  EXPECT_TRUE(stay_apart(second, first));  // images that do not fill a block come first
  EXPECT_TRUE(stay_apart(first, lossless_digits(1, 3)));
  EXPECT_TRUE(stay_apart(first, digits(kTwoBlocks, 3)));           // not lossless
  EXPECT_TRUE(stay_apart(first, lossless_digits(kTwoBlocks, 2)));  // of fewer layers
  Frame other = second;
  other.header.fingerprint[0] ^= 1;
  EXPECT_TRUE(stay_apart(first, other));
  other = second;
  other.chunks.push_back({"prIv", {1, 2, 3}});
  EXPECT_TRUE(stay_apart(first, other));
}

TEST(Rewrite, JoiningTakesWholeFilesOnly) {
  const Bytes bytes = write_frame(lossless_digits(kTwoBlocks, 3));
  Bytes nothing;
  const auto join = [&](const Bytes& file) {
    join_frames(CodeFile(file).frames(), append_to(nothing));
  };
  const Bytes cut = first_bytes(bytes, bytes.size() - 1);
  EXPECT_THROW(join(cut), TruncatedError);
  Bytes damaged = bytes;
  damaged.back() ^= 1;
  EXPECT_THROW(join(damaged), DamagedError);
}

}  // namespace
}  // namespace pie::test

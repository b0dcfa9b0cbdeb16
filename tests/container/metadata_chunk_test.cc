// What images say beside samples comes back item by item, and damage is noticed.
#include "lib/container/metadata_chunk.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"

namespace pie {
namespace {

void expect_same(const Metadata& a, const Metadata& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].type, b[i].type);
    EXPECT_EQ(a[i].data, b[i].data);
  }
}

const Metadata kExample{{"iCCP", Bytes(3000, 7)}, {"eXIf", {'I', 'I', 0}}, {"tEXt", {}}};

TEST(MetadataChunk, ComesBackAndIsPacked) {
  const auto chunk = metadata_chunk(kExample);
  EXPECT_TRUE(chunk.may_be_skipped());
  EXPECT_LT(chunk.data.size(), 200U);
  expect_same(metadata_in({{"prIv", {1}}, chunk}), kExample);
  EXPECT_TRUE(metadata_in({{"prIv", {1}}}).empty());
}

TEST(MetadataChunk, DamageIsNoticedOrHarmless) {
  const auto chunk = metadata_chunk(kExample);
  for (size_t i = 0; i < chunk.data.size(); ++i) {
    for (const int bit : {1, 16, 128}) {
      auto damaged = chunk;
      damaged.data[i] = static_cast<uint8_t>(damaged.data[i] ^ bit);
      try {
        metadata_in({damaged});
      } catch (const DamagedError&) {
      }
    }
    EXPECT_THROW(metadata_in({{chunk.type, Bytes(chunk.data.begin(),
                                                 chunk.data.begin() + static_cast<long>(i))}}),
                 DamagedError);
  }
}

TEST(MetadataChunk, HoldsNoCriticalChunks) {
  for (const char* type : {"IDAT", "tRNS", "acTL", "a b ", "tEX"}) {
    EXPECT_FALSE(is_metadata_type(type)) << type;
  }
  EXPECT_THROW(metadata_in({metadata_chunk({{"IHDR", {1}}})}), DamagedError);
}

TEST(MetadataChunk, CostsNoMoreThanAnEncoderMayWrite) {
  const auto chunk = metadata_chunk(kExample);
  EXPECT_THROW(metadata_in({chunk, chunk}), DamagedError);
  const Metadata many(kMostMetadata / metadata_bytes({"tEXt", {}}) + 2, {"tEXt", {}});
  EXPECT_THROW(metadata_in({metadata_chunk(many)}), DamagedError);
}

}  // namespace
}  // namespace pie

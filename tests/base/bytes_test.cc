// The byte reader gives back what the writer wrote and never reads past the end.
#include "lib/base/bytes.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"

namespace pie {
namespace {

TEST(Bytes, IntegersRoundTripInLittleEndianOrder) {
  ByteWriter writer;
  writer.u8(0x01);
  writer.u16(0x0302);
  writer.u32(0x07060504);
  writer.u64(0x0F0E0D0C0B0A0908);
  writer.low_bytes(0x99121110, 3);
  const Bytes bytes = writer.take();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    ASSERT_EQ(bytes[i], i + 1) << "byte " << i;
  }
  EXPECT_EQ(writer.size(), 0U);

  ByteReader reader(bytes.data(), bytes.size());
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16(), 0x0302);
  EXPECT_EQ(reader.u32(), 0x07060504U);
  EXPECT_EQ(reader.u64(), 0x0F0E0D0C0B0A0908U);
  EXPECT_EQ(reader.low_bytes(3), 0x121110U);
  EXPECT_TRUE(reader.at_end());
  EXPECT_THROW(reader.u8(), TruncatedError);
}

TEST(Bytes, VarintsRoundTripAtEveryLength) {
  for (int bits = 0; bits <= 63; ++bits) {
    for (const std::uint64_t value : {(std::uint64_t{1} << bits) - 1, std::uint64_t{1} << bits}) {
      if (value > kMaxVarint) continue;
      ByteWriter writer;
      writer.varint(value);
      EXPECT_LE(writer.size(), 9U);
      ByteReader reader(writer.bytes().data(), writer.size());
      EXPECT_EQ(reader.varint(), value);
      EXPECT_TRUE(reader.at_end());
      ByteReader cut(writer.bytes().data(), writer.size() - 1);
      EXPECT_THROW(cut.varint(), TruncatedError);
    }
  }
  EXPECT_THROW(ByteWriter().varint(kMaxVarint + 1), UsageError);
}

TEST(Bytes, NonMinimalAndOverlongVarintsAreDamage) {
  const Bytes superfluous = {0x81, 0x00};
  EXPECT_THROW(ByteReader(superfluous.data(), superfluous.size()).varint(), DamagedError);
  const Bytes overlong(10, 0x80);
  EXPECT_THROW(ByteReader(overlong.data(), overlong.size()).varint(), DamagedError);
}

TEST(Bytes, RawRefusesLengthsBeyondTheEnd) {
  const Bytes bytes = {1, 2, 3};
  ByteReader reader(bytes.data(), bytes.size());
  EXPECT_THROW(reader.raw(4), TruncatedError);
  EXPECT_THROW(reader.raw(~std::uint64_t{0}), TruncatedError);
  EXPECT_EQ(reader.raw(2).data, bytes.data());
  EXPECT_EQ(reader.remaining(), 1U);
  EXPECT_EQ(reader.position(), 2U);
}

}  // namespace
}  // namespace pie

// What is known of files comes back, and nothing that would be written elsewhere.
#include "lib/container/member_list.h"

#include <gtest/gtest.h>

#include "lib/container/code_file.h"
#include "lib/container/frame_writer.h"

namespace pie {
namespace {

// A frame of `images` images of one sample, with these chunks.
Bytes frame_of(std::uint64_t images, bool archive, const std::vector<Chunk>& chunks) {
  FrameHeader header;
  header.archive = archive;
  header.images = images;
  header.width = header.height = 1;
  header.step = 1;
  header.total_layers = 1;
  FrameWriter writer(header, 1);
  for (std::uint64_t i = 0; i < header.blocks(); ++i) writer.add({{BlockMode::kRaw, {1}, 0}});
  for (const auto& chunk : chunks) writer.add(chunk);
  Bytes file;
  writer.write(
      [&](ByteSpan bytes) { file.insert(file.end(), bytes.data, bytes.data + bytes.size); });
  return file;
}

std::vector<Member> stored(const Bytes& file, std::vector<std::string>* warnings) {
  return stored_members(CodeFile(file).frames()[0], warnings);
}

const std::vector<Member> kExample{
    {"a/b c.png", FileStatus{0640, 1700000000, 123456789}, {{"tEXt", {'h', 'i'}}, {"eXIf", {}}}},
    {"", {}, {}},
    {"\xC3\xA4.ppm", FileStatus{0, -5, 0}, {}}};

void expect_same(const std::vector<Member>& a, const std::vector<Member>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    ASSERT_EQ(a[i].status.has_value(), b[i].status.has_value());
    if (a[i].status) {
      EXPECT_EQ(a[i].status->mode, b[i].status->mode);
      EXPECT_EQ(a[i].status->seconds, b[i].status->seconds);
      EXPECT_EQ(a[i].status->nanoseconds, b[i].status->nanoseconds);
    }
    ASSERT_EQ(a[i].metadata.size(), b[i].metadata.size());
    for (std::size_t k = 0; k < a[i].metadata.size(); ++k) {
      EXPECT_EQ(a[i].metadata[k].type, b[i].metadata[k].type);
      EXPECT_EQ(a[i].metadata[k].data, b[i].metadata[k].data);
    }
  }
}

TEST(MemberList, ComesBack) {
  std::vector<std::string> warnings;
  expect_same(stored(frame_of(3, true, {member_chunk(kExample)}), &warnings), kExample);
  EXPECT_TRUE(warnings.empty());
  EXPECT_TRUE(member_chunk(kExample).may_be_skipped());
  EXPECT_TRUE(stored(frame_of(3, true, {}), &warnings).empty());
  EXPECT_TRUE(warnings.empty());
}

TEST(MemberList, IsPacked) {
  const auto chunk = member_chunk({{"", {}, {{"iCCP", Bytes(3000, 7)}, {"tEXt", {}}}}});
  EXPECT_LT(chunk.data.size(), 200U);
}

TEST(MemberList, HoldsNoCriticalChunks) {
  for (const char* type : {"IDAT", "tRNS", "acTL", "a b ", "tEX"}) {
    EXPECT_FALSE(is_metadata_type(type)) << type;
  }
  std::vector<std::string> warnings;
  const auto chunk = member_chunk({{"", {}, {{"IHDR", {1}}}}});
  EXPECT_TRUE(stored(frame_of(1, false, {chunk}), &warnings).empty());
  EXPECT_EQ(warnings.size(), 1U);
}

TEST(MemberList, CutsAreNoticed) {
  const auto chunk = member_chunk(kExample);
  for (std::size_t size = 0; size < chunk.data.size(); ++size) {
    std::vector<std::string> warnings;
    const Chunk cut{chunk.type,
                    Bytes(chunk.data.begin(), chunk.data.begin() + static_cast<long>(size))};
    EXPECT_TRUE(stored(frame_of(3, true, {cut}), &warnings).empty()) << size;
    EXPECT_EQ(warnings.size(), 1U) << size;
  }
}

TEST(MemberList, OtherNumbersOfImagesAreDamage) {
  for (const std::uint64_t images : {1, 2, 4}) {
    std::vector<std::string> warnings;
    EXPECT_TRUE(stored(frame_of(images, true, {member_chunk(kExample)}), &warnings).empty());
    EXPECT_EQ(warnings.size(), 1U);
  }
  std::vector<std::string> warnings;
  const auto chunk = member_chunk(kExample);
  EXPECT_TRUE(stored(frame_of(3, true, {chunk, chunk}), &warnings).empty());
  EXPECT_EQ(warnings.size(), 1U);
}

TEST(MemberList, NamesStayBelowTheirFolder) {
  for (const char* name : {"x", "a/b", "...", "a b", "\xFF", "-", "a/.b"}) {
    EXPECT_TRUE(is_member_name(name)) << name;
  }
  for (const std::string name :
       {"", "/x", "..", "a/../b", "a//b", "a/", "./x", "a/.", "x\n", "x\x7F"}) {
    EXPECT_FALSE(is_member_name(name)) << name;
    if (name.empty()) continue;
    std::vector<std::string> warnings;
    EXPECT_TRUE(stored(frame_of(1, false, {member_chunk({{name, {}, {}}})}), &warnings).empty());
    EXPECT_EQ(warnings.size(), 1U) << name;
  }
  EXPECT_FALSE(is_member_name(std::string("x\0y", 3)));
  EXPECT_FALSE(is_member_name(std::string(4096, 'x')));
}

TEST(MemberList, DamageIsNoticedOrHarmless) {
  const auto chunk = member_chunk(kExample);
  for (std::size_t i = 0; i < chunk.data.size(); ++i) {
    for (const int bit : {1, 16, 128}) {
      auto damaged = chunk;
      damaged.data[i] = static_cast<std::uint8_t>(damaged.data[i] ^ bit);
      std::vector<std::string> warnings;
      const auto members = stored(frame_of(3, true, {damaged}), &warnings);
      EXPECT_EQ(members.empty(), !warnings.empty());
    }
  }
}

TEST(MemberList, CostsNoMoreThanAReaderTakes) {
  const Metadata many(kMostMetadata / metadata_bytes({"tEXt", {}}) + 2, {"tEXt", {}});
  std::vector<std::string> warnings;
  EXPECT_TRUE(stored(frame_of(1, false, {member_chunk({{"", {}, many}})}), &warnings).empty());
  EXPECT_EQ(warnings.size(), 1U);
  EXPECT_THROW(member_chunk(std::vector<Member>(20000, {std::string(4000, 'x'), {}, {}})),
               UsageError);
}

}  // namespace
}  // namespace pie

// Exif blocks of both byte orders, whole, cut, flipped and made to deceive.
#include "lib/image/exif.h"

#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

constexpr std::uint16_t kText = 2, kShort = 3, kLong = 4;
constexpr std::uint16_t kMake = 0x010F, kWidth = 0x0100, kCamera = 0x8769;

Exif read(const Bytes& block) { return read_exif(view_of(block)); }

bool same(const std::vector<ExifTag>& a, const std::vector<ExifTag>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ExifTag& x, const ExifTag& y) {
    return x.id == y.id && x.type == y.type && x.count == y.count && x.value == y.value &&
           same(x.below, y.below);
  });
}

Exif sample(bool big_endian) {
  return {big_endian,
          {{kMake, kText, 6, {'m', 'a', 'k', 'e', 'r', 0}, {}},
           {kCamera,
            kLong,
            1,
            {},
            {{7, kText, 3, {'a', 'b', 0}, {}}, {9, 7, 5, {1, 2, 3, 4, 5}, {}}}}}};
}

TEST(Exif, ComesBack) {
  for (const bool big_endian : {false, true}) {
    const Exif exif = sample(big_endian);
    const Bytes block = exif_block(exif);
    const Exif found = read(block);
    EXPECT_EQ(found.big_endian, big_endian);
    EXPECT_TRUE(same(found.tags, exif.tags));
    EXPECT_EQ(exif_block(found), block);
  }
}

TEST(Exif, TakesWhatIsOfAnyImage) {
  Exif exif = sample(true);
  exif.tags.insert(exif.tags.begin(), {kWidth, kShort, 1, {0, 9}, {}});
  const Exif found = read(exif_block(exif));
  EXPECT_TRUE(same(found.tags, sample(true).tags));
}

TEST(Exif, CutsAndFlipsAreErrorsOrOtherTags) {
  const Bytes whole = exif_block(sample(false));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    try {
      read(cut(whole, size));
    } catch (const Error&) {
    }
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes flipped = whole;
      flipped[i] ^= static_cast<std::uint8_t>(1 << bit);
      try {
        read(flipped);
      } catch (const Error&) {
      }
    }
  }
  EXPECT_THROW(read({}), TruncatedError);
  EXPECT_THROW(read(Bytes(100, 'x')), DamagedError);
}

// A few bytes that name each other, or a large value again and again, cost neither time nor memory.
TEST(Exif, DirectoriesThatNameThemselvesAreDamage) {
  Bytes block = exif_block(sample(true));
  const std::size_t below = 8 + 2 + 12 + 8;  // where the second entry says its directory is
  block[below + 3] = 8;
  EXPECT_THROW(read(block), DamagedError);

  constexpr std::uint8_t kEntries = 255;
  ByteWriter wide;
  wide.raw("II*\0", 4);
  wide.u32(8);
  wide.u16(kEntries);
  for (int i = 0; i < kEntries; ++i) {
    wide.u16(kMake);
    wide.u16(kText);
    wide.u32(1 << 17);
    wide.u32(0);
  }
  Bytes file = wide.take();
  file.resize(1 << 17);
  EXPECT_THROW(read(file), DamagedError);
}

}  // namespace
}  // namespace pie

// Whole gzip data decompresses; cut, damaged, padded or oversized data gives a typed error.
#include "lib/image/gzip.h"

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

constexpr std::uint64_t kPlenty = 1 << 24;

Bytes unzip(const Bytes& zipped, std::uint64_t max_bytes = kPlenty) {
  return gunzip(zipped.data(), zipped.size(), "x.gz", max_bytes);
}

TEST(Gunzip, RoundTrip) {
  for (const int side : {1, 10, 300}) {
    const Bytes bytes = noise_image({3, side, side}).samples;
    EXPECT_EQ(unzip(gzip(bytes)), bytes);
    EXPECT_EQ(unzip(gzip(bytes), bytes.size()), bytes);
  }
  EXPECT_TRUE(unzip(gzip({})).empty());
}

TEST(Gunzip, ReadsAllMembers) {
  EXPECT_EQ(unzip(concatenate(gzip({1, 2}), gzip({3}))), (Bytes{1, 2, 3}));
}

TEST(Gunzip, EveryCutIsTruncated) {
  const Bytes zipped = gzip(noise_image({1, 8, 8}).samples);
  for (std::size_t size = 0; size < zipped.size(); ++size) {
    EXPECT_THROW(unzip(Bytes(zipped.begin(), zipped.begin() + static_cast<std::ptrdiff_t>(size))),
                 TruncatedError)
        << size;
  }
}

TEST(Gunzip, DamageIsNoticed) {
  const Bytes zipped = gzip(noise_image({1, 8, 8}).samples);
  // Noise is stored uncompressed, and most of the first byte behind the header then means nothing.
  constexpr std::size_t kStart = 10 + 1;
  for (std::size_t i = kStart; i < zipped.size(); ++i) {
    Bytes damaged = zipped;
    damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ 0x10);
    EXPECT_THROW(unzip(damaged), DamagedError) << i;
  }
}

TEST(Gunzip, RefusesOtherDataBehindIt) {
  const std::string message = message_of<DamagedError>([] {
    unzip(concatenate(gzip({1, 2}), {7, 7, 7}));
  });
  EXPECT_EQ(message, "x.gz: the gzip data is followed by 3 other bytes");
}

TEST(Gunzip, StopsAtTheLimit) {
  const Bytes zeros(1 << 20);
  EXPECT_THROW(unzip(gzip(zeros), 1000), DamagedError);
  EXPECT_THROW(unzip(gzip(zeros), zeros.size() - 1), DamagedError);
  EXPECT_EQ(unzip(gzip(zeros), zeros.size()).size(), zeros.size());
}

TEST(GunzipPrefix, GivesWhatThereIs) {
  const Bytes zipped = gzip({1, 2, 3, 4, 5});
  EXPECT_EQ(gunzip_prefix(zipped.data(), zipped.size(), 3), (Bytes{1, 2, 3}));
  EXPECT_EQ(gunzip_prefix(zipped.data(), zipped.size(), 9).size(), 5u);
  EXPECT_TRUE(gunzip_prefix(zipped.data(), 5, 3).empty());
}

}  // namespace
}  // namespace pie

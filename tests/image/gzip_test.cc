// Whole gzip data decompresses; cut, damaged, padded or oversized data gives a typed error.
#include "lib/image/gzip.h"

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

// Everything, in pieces of `piece` bytes.
Bytes unzip(const Bytes& zipped, std::uint64_t piece = 1 << 24) {
  GzipStream stream(in(zipped));
  Bytes all;
  for (;;) {
    const Bytes next = stream.read(piece);
    all.insert(all.end(), next.begin(), next.end());
    if (next.size() < piece) return all;
  }
}

TEST(Gunzip, RoundTrip) {
  for (const int side : {1, 10, 300}) {
    const Bytes bytes = noise_image({3, side, side}).samples;
    EXPECT_EQ(unzip(gzip(bytes)), bytes);
    EXPECT_EQ(unzip(gzip(bytes), 7), bytes);
    EXPECT_EQ(unzip(gzip(bytes), 70000), bytes);
  }
  EXPECT_TRUE(unzip(gzip({})).empty());
}

TEST(Gzip, WhatIsWrittenComesBack) {
  for (const int side : {0, 1, 10, 300}) {
    const Bytes bytes = side == 0 ? Bytes() : noise_image({3, side, side}).samples;
    for (const std::size_t piece : {std::size_t{7}, std::size_t{1} << 20}) {
      Bytes zipped;
      GzipWriter writer(
          [&](ByteSpan span) { zipped.insert(zipped.end(), span.data, span.data + span.size); });
      for (std::size_t at = 0; at < bytes.size(); at += piece) {
        const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
        const std::size_t count = std::min(piece, bytes.size() - at);
        writer.write(Bytes(from, from + static_cast<std::ptrdiff_t>(count)));
      }
      writer.finish();
      EXPECT_EQ(unzip(zipped), bytes);
    }
  }
}

TEST(Gunzip, ReadsAllMembers) {
  EXPECT_EQ(unzip(concatenate(gzip({1, 2}), gzip({3}))), (Bytes{1, 2, 3}));
  const Bytes noise = noise_image({1, 300, 300}).samples;
  EXPECT_EQ(unzip(concatenate(gzip(noise), gzip(noise)), 1000), concatenate(noise, noise));
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
  EXPECT_EQ(message, "x: the gzip data is followed by 3 other bytes");
}

TEST(GunzipPrefix, GivesWhatThereIs) {
  const Bytes zipped = gzip({1, 2, 3, 4, 5});
  EXPECT_EQ(gunzip_prefix(in(zipped), 3), (Bytes{1, 2, 3}));
  EXPECT_EQ(gunzip_prefix(in(zipped), 9).size(), 5u);
  EXPECT_TRUE(gunzip_prefix(in(Bytes(zipped.begin(), zipped.begin() + 5)), 3).empty());
}

}  // namespace
}  // namespace pie

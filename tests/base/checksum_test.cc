// Published test values of each checksum, and agreement of whole and piecewise hashing.
#include "lib/base/checksum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "lib/base/error.h"
#include "lib/base/version.h"

namespace pie {
namespace {

TEST(Checksum, Crc32OfCheckString) {
  const std::string text = "123456789";
  EXPECT_EQ(crc32(text.data(), text.size()), 0xCBF43926U);
  EXPECT_EQ(crc32(text.data() + 4, 5, crc32(text.data(), 4)), 0xCBF43926U);
  EXPECT_EQ(crc32(nullptr, 0), 0U);
}

TEST(Checksum, Xxh3OfEmptyInputAndInPieces) {
  EXPECT_EQ(xxh3_64(nullptr, 0), 0x2D06800538D394C2U);
  std::string text;
  for (int i = 0; i < 5000; ++i) text += static_cast<char>(i * 7);
  Xxh3 hash;
  EXPECT_EQ(hash.digest(), xxh3_64(nullptr, 0));
  for (std::size_t at = 0; at < text.size(); at += 123) {
    hash.update(text.data() + at, std::min<std::size_t>(123, text.size() - at));
  }
  EXPECT_EQ(hash.digest(), xxh3_64(text.data(), text.size()));
}

TEST(Checksum, Sha256OfAbc) {
  const Sha256 digest = sha256("abc", 3);
  EXPECT_EQ(to_hex(digest.data(), digest.size()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(ErrorOrder, TheGraverOutcomeWins) {
  const ExitCode order[] = {ExitCode::kUsage,   ExitCode::kVerification, ExitCode::kUnsupported,
                            ExitCode::kDamaged, ExitCode::kFailed,       ExitCode::kWarnings,
                            ExitCode::kOk};
  for (std::size_t i = 0; i < std::size(order); ++i) {
    for (std::size_t j = i; j < std::size(order); ++j) {
      EXPECT_EQ(worse(order[i], order[j]), order[i]);
      EXPECT_EQ(worse(order[j], order[i]), order[i]);
    }
  }
}

TEST(Version, NamesVersionAndRevision) {
  EXPECT_EQ(version_string(), std::string(kVersion) + " (git " + git_revision() + ")");
  EXPECT_FALSE(git_revision().empty());
}

// The test vectors of RFC 4648, section 10.
TEST(Base64, TestVectors) {
  const std::string text = "foobar";
  const std::vector<std::string> expected{"",         "Zg==",     "Zm8=",    "Zm9v",
                                          "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
  for (std::size_t n = 0; n <= text.size(); ++n) {
    EXPECT_EQ(to_base64(reinterpret_cast<const std::uint8_t*>(text.data()), n), expected[n]);
  }
}

}  // namespace
}  // namespace pie

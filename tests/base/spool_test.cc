// A spool gives back what it took, however much, and leaves no file behind.
#include "lib/base/spool.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "tests/support/test_folder.h"

namespace pie {
namespace {

namespace fs = std::filesystem;
using SpoolTest = TestWithFolder;

Bytes content(const Spool& spool) {
  Bytes all;
  spool.copy_to(
      [&](ByteSpan piece) { all.insert(all.end(), piece.data, piece.data + piece.size); });
  return all;
}

// $TMPDIR is another folder for the lifetime of this.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& path) {
    if (const char* old = std::getenv("TMPDIR")) before_ = old;
    ::setenv("TMPDIR", path.c_str(), 1);
  }
  ~TemporaryFolder() {
    before_.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before_.c_str(), 1);
  }

 private:
  std::string before_;
};

TEST_F(SpoolTest, GivesBackWhatItTook) {
  const TemporaryFolder temporary(folder());
  Spool spool;
  EXPECT_TRUE(content(spool).empty());
  Bytes expected;
  for (std::size_t size : {std::size_t{1}, std::size_t{0}, std::size_t{70'000},
                           std::size_t{900'000}, std::size_t{3'000'001}, std::size_t{5}}) {
    Bytes piece(size);
    for (std::size_t i = 0; i < size; ++i) piece[i] = static_cast<std::uint8_t>(i * 7 + size);
    spool.append(piece);
    expected.insert(expected.end(), piece.begin(), piece.end());
    EXPECT_EQ(spool.size(), expected.size());
    EXPECT_EQ(content(spool), expected);
  }
  EXPECT_TRUE(fs::is_empty(folder()));
  const Spool moved = std::move(spool);
  EXPECT_EQ(content(moved), expected);
}

TEST_F(SpoolTest, SaysWhereItCannotWrite) {
  const TemporaryFolder temporary("/nonexistent");
  Spool spool;
  EXPECT_NO_THROW(spool.append(Bytes(1000)));  // a little stays in memory
  EXPECT_THROW(spool.append(Bytes(2 << 20)), OperationError);
}

}  // namespace
}  // namespace pie

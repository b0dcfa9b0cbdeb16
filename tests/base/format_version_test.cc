// Files of versions that are not read say so, each way.
#include "lib/base/format_version.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr FormatVersions kFormat{"egg file", "pie-egg/", 2, 3};

template <typename Version>
std::string refusal(const Version& version) {
  try {
    kFormat.check(version);
  } catch (const UnsupportedError& error) {
    return error.what();
  }
  return "read";
}

TEST(FormatVersion, FromTheOldestToTheNewest) {
  EXPECT_EQ(kFormat.text(), "pie-egg/3");
  EXPECT_EQ(refusal(std::uint64_t{2}), "read");
  EXPECT_EQ(refusal(kFormat.text()), "read");
  EXPECT_EQ(refusal(std::uint64_t{1}), "too old: egg file format 1; formats 2 to 3 are read");
  EXPECT_EQ(refusal(std::string("pie-egg/4")),
            "needs a newer pie: egg file format 4; formats 2 to 3 are read");
}

TEST(FormatVersion, WhatHasNoSuchVersionIsAnotherFile) {
  for (const std::string text : {"", "pie-egg/", "pie-egg/x", "pie-egg/2x", "pie-model/2", "2",
                                 "pie-egg/99999999999999999999"}) {
    EXPECT_EQ(refusal(text), "is no egg file: its format is '" + text + "', not 'pie-egg/3'");
  }
}

}  // namespace
}  // namespace pie

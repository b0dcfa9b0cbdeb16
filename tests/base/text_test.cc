// Text in parts.
#include "lib/base/text.h"

#include <gtest/gtest.h>

namespace pie {
namespace {

using Parts = std::vector<std::string>;

TEST(Parts, GivesPartsBetweenSeparators) {
  EXPECT_EQ(parts_of("", ':'), Parts{});
  EXPECT_EQ(parts_of("a", ':'), Parts{"a"});
  EXPECT_EQ(parts_of("a:bc::d", ':'), (Parts{"a", "bc", "", "d"}));
  EXPECT_EQ(parts_of(":a:", ':'), (Parts{"", "a"}));
  EXPECT_EQ(parts_of("::", ':'), (Parts{"", ""}));
  EXPECT_EQ(parts_of(std::string("a b\0c\n\0", 7), '\0'), (Parts{"a b", "c\n"}));
}

TEST(Words, AreBetweenWhiteSpace) {
  EXPECT_EQ(words_of(""), Parts{});
  EXPECT_EQ(words_of(" \t\r\n"), Parts{});
  EXPECT_EQ(words_of("WIDTH 3"), (Parts{"WIDTH", "3"}));
  EXPECT_EQ(words_of("\n a\t b-c \r\n"), (Parts{"a", "b-c"}));
}

}  // namespace
}  // namespace pie

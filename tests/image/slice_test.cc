// Slices behind a path mean what they mean in Python.
#include "lib/image/slice.h"

#include <limits>

#include "tests/image/image_test_files.h"

namespace pie {
namespace {

std::pair<std::size_t, std::size_t> selected(const std::string& text, std::size_t count) {
  const SlicedInput parsed = parse_sliced_input(text);
  EXPECT_EQ(parsed.input.path(), "no/such.gz");
  if (!parsed.slice) return {0, count};
  const IndexRange range = resolve_slice(*parsed.slice, count, "no/such.gz");
  return {range.begin, range.end};
}

using Range = std::pair<std::size_t, std::size_t>;

TEST(Slice, SelectsLikePython) {
  EXPECT_EQ(selected("no/such.gz", 60000), Range(0, 60000));
  EXPECT_EQ(selected("no/such.gz[0:55000]", 60000), Range(0, 55000));
  EXPECT_EQ(selected("no/such.gz[-5000:]", 60000), Range(55000, 60000));
  EXPECT_EQ(selected("no/such.gz[:-5000]", 60000), Range(0, 55000));
  EXPECT_EQ(selected("no/such.gz[10:20]", 60000), Range(10, 20));
  EXPECT_EQ(selected("no/such.gz[:]", 7), Range(0, 7));
  EXPECT_EQ(selected("no/such.gz[3]", 7), Range(3, 4));
  EXPECT_EQ(selected("no/such.gz[-1]", 7), Range(6, 7));
  EXPECT_EQ(selected("no/such.gz[-2]", 7), Range(5, 6));
}

TEST(Slice, ClipsToWhatExists) {
  EXPECT_EQ(selected("no/such.gz[0:55000]", 100), Range(0, 100));
  EXPECT_EQ(selected("no/such.gz[-5000:]", 100), Range(0, 100));
}

TEST(Slice, RefusesToSelectNothing) {
  for (const char* text : {"no/such.gz[5:5]", "no/such.gz[6:5]", "no/such.gz[100:]",
                           "no/such.gz[100]", "no/such.gz[-101]", "no/such.gz[:-100]"}) {
    EXPECT_THROW(selected(text, 100), UsageError) << text;
  }
}

TEST(Slice, RefusesWhatIsNoSlice) {
  for (const char* text :
       {"x[]", "x[1:2:3]", "x[--1]", "x[1-2]", "x[-]", "x[::2]", "x[99999999999999999999:]"}) {
    EXPECT_THROW(parse_sliced_input(text), UsageError) << text;
  }
}

TEST(Slice, LeavesOtherBracketsAlone) {
  for (const char* text : {"x[a].png", "x[a]", "x[1].png", "[3]", "x]", "x[1:2", ""}) {
    const SlicedInput parsed = parse_sliced_input(text);
    EXPECT_EQ(parsed.input.path(), text);
    EXPECT_FALSE(parsed.slice.has_value()) << text;
  }
}

using SliceOfFiles = TestWithFolder;

TEST_F(SliceOfFiles, ExistingNamesAreTakenLiterally) {
  const std::string literal = put("scan[2]", {1});
  EXPECT_EQ(parse_sliced_input(literal).input.path(), literal);
  EXPECT_FALSE(parse_sliced_input(literal).slice.has_value());
  EXPECT_EQ(parse_sliced_input(literal + "[0]").input.path(), literal);
}

}  // namespace
}  // namespace pie

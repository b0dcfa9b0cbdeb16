// Lines for people: one line, no control characters, the file named once.
#include "lib/base/log.h"

#include <gtest/gtest.h>

namespace pie {
namespace {

TEST(Log, NamesToolAndFileOnce) {
  set_program_name("pie-test");
  EXPECT_EQ(log_line("a.pie", "", "damaged"), "pie-test: a.pie: damaged");
  EXPECT_EQ(log_line("a.pie", "", "a.pie: cannot read"), "pie-test: a.pie: cannot read");
  EXPECT_EQ(log_line("", "warning: ", "slow"), "pie-test: warning: slow");
  EXPECT_EQ(log_line("a.pie", "warning: ", "a.pie: cut"), "pie-test: a.pie: warning: cut");
}

TEST(Log, RemembersThatThereWasAWarning) {
  set_verbosity(Verbosity::kQuiet);
  log_note("n");
  EXPECT_FALSE(has_warned());
  log_warning("w");
  EXPECT_TRUE(has_warned());
  set_verbosity(Verbosity::kNormal);
}

TEST(Log, MessagesTakeThePlaceOfTheStatusLine) {
  set_program_name("pie-test");
  testing::internal::CaptureStderr();
  show_status("");
  show_status("half");
  log_note("done");
  log_note("more");
  show_status("half");
  show_status("");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "\r\033[Khalf\r\033[Kpie-test: done\npie-test: more\n\r\033[Khalf\r\033[K");
}

TEST(Log, ReplacesControlCharacters) {
  set_program_name("pie-test");
  EXPECT_EQ(log_line("a\n\x1B[1m.pie", "", "x"), "pie-test: a??[1m.pie: x");
}

TEST(Log, VerbosityChoosesWhatIsPrintedAndStdoutStaysEmpty) {
  const auto printed = [](Verbosity level) {
    set_verbosity(level);
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    log_error("e");
    log_warning("w");
    log_note("n");
    log_detail("d");
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
    return testing::internal::GetCapturedStderr();
  };
  set_program_name("t");
  EXPECT_EQ(printed(Verbosity::kSilent), "");
  EXPECT_EQ(printed(Verbosity::kQuiet), "t: e\n");
  EXPECT_EQ(printed(Verbosity::kNormal), "t: e\nt: warning: w\nt: n\n");
  EXPECT_EQ(printed(Verbosity::kVerbose), "t: e\nt: warning: w\nt: n\nt: d\n");
}

}  // namespace
}  // namespace pie

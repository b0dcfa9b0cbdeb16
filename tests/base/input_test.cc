// Inputs give the same bytes however they are asked for, and what can be read only once is read
// once.
#include "lib/base/input.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "lib/base/error.h"
#include "tests/support/failure.h"
#include "tests/support/test_folder.h"

namespace pie {
namespace {

class InputTest : public TestWithFolder {
 protected:
  InputTest() {
    for (std::size_t i = 0; i < 200000; ++i) {
      content_.push_back(static_cast<std::uint8_t>(i * 31 ^ i >> 8));
    }
  }

  Bytes part(std::size_t offset, std::size_t count) const {
    const auto from = content_.begin() + static_cast<std::ptrdiff_t>(offset);
    return Bytes(from, from + static_cast<std::ptrdiff_t>(count));
  }

  // All questions, in an order in which a stream cannot be read.
  void expect_content(const Input& input) const {
    EXPECT_EQ(input.beginning(4), part(0, 4));
    EXPECT_EQ(input.read(150000, 10), part(150000, 10));
    EXPECT_EQ(input.beginning(9000), part(0, 9000));
    EXPECT_EQ(input.size(), content_.size());
    EXPECT_EQ(input.all(), content_);
    EXPECT_EQ(input.read(199990, 50), part(199990, 10));
    EXPECT_TRUE(input.read(200000, 1).empty());
    EXPECT_TRUE(input.read(~std::uint64_t{0}, 5).empty());
    const Input copy = input;
    EXPECT_EQ(copy.all(), content_);
  }

  Bytes content_;
};

TEST_F(InputTest, FilesPipesAndMemoryAnswerAlike) {
  put("file", content_);
  expect_content(Input(path("file")));
  EXPECT_TRUE(Input(path("file")).is_regular_file());
  expect_content(Input(ByteSpan{content_.data(), content_.size()}));

  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  std::thread writer([&] { put("pipe", content_); });
  const Input pipe(path("pipe"));
  EXPECT_FALSE(pipe.is_regular_file());
  expect_content(pipe);
  writer.join();
}

TEST_F(InputTest, StreamsAreReadAsFarAsQuestionsNeed) {
  EXPECT_EQ(Input("/dev/zero").read(100000, 10), Bytes(10, 0));
  EXPECT_EQ(Input("/proc/self/comm").all(), read_file("/proc/self/comm"));
  EXPECT_GT(Input("/proc/self/comm").size(), 1U);
}

TEST_F(InputTest, StdinIsReadOnce) {
  put("file", content_);
  const int before = ::dup(STDIN_FILENO);
  ASSERT_NE(std::freopen(path("file").c_str(), "rb", stdin), nullptr);
  const Input input("-");
  expect_content(input);
  EXPECT_EQ(input.name(), "stdin");
  EXPECT_EQ(input.path(), "-");
  ::dup2(before, STDIN_FILENO);
  ::close(before);
}

TEST_F(InputTest, ErrorsNameInputAndCause) {
  EXPECT_EQ(failure<OperationError>([&] { Input(path("none")).all(); }),
            path("none") + ": cannot read: No such file or directory");
  EXPECT_EQ(failure<OperationError>([&] { Input(folder()).beginning(1); }),
            folder() + ": is a folder, not a file");
  EXPECT_FALSE(Input(path("none")).exists());
  EXPECT_TRUE(Input(folder()).is_folder());
  put("file", content_);
  const Input input(path("file"));
  EXPECT_FALSE(input.is_folder());
  EXPECT_TRUE(input.exists());
  input.beginning(1);
  put("file", part(0, 10));
  EXPECT_EQ(failure<OperationError>([&] { input.read(5, 1); }),
            path("file") + ": was changed while it was read; try again");
}

TEST_F(InputTest, RefusesTooLongFiles) {
  put("a", part(0, 5));
  EXPECT_EQ(read_file(path("a"), 5).size(), 5U);
  EXPECT_THROW(read_file(path("a"), 4), DamagedError);
  EXPECT_THROW(read_file("/dev/zero", 1000), DamagedError);
  put("empty", {});
  EXPECT_TRUE(read_file(path("empty")).empty());
}

}  // namespace
}  // namespace pie

// Files appear whole or not at all, and nothing is overwritten unasked.
#include "lib/base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lib/base/error.h"
#include "lib/base/input.h"
#include "tests/support/failure.h"
#include "tests/support/test_folder.h"

namespace pie {
namespace {

namespace fs = std::filesystem;

class FileTest : public TestWithFolder {
 protected:
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder()), fs::directory_iterator()));
  }
  void put_text(const std::string& name, const std::string& text) const {
    put(name, Bytes(text.begin(), text.end()));
  }
};

TEST_F(FileTest, WritesReadsAndLeavesOnlyTheFile) {
  Bytes data(100000);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 31);
  OutputFile out(path("a"), false);
  out.write(data);
  EXPECT_FALSE(fs::exists(path("a")));
  out.commit();
  out.commit();
  EXPECT_EQ(read_file(path("a")), data);
  EXPECT_EQ(entries(), 1U);
  EXPECT_THROW(out.write(data), OperationError);
}

TEST_F(FileTest, ModeFollowsTheUmask) {
  const mode_t before = ::umask(027);
  OutputFile out(path("a"), false);
  out.commit();
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat(path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST_F(FileTest, RefusesToOverwriteWithoutFlag) {
  put_text("a", "old");
  EXPECT_EQ(failure<ExistsError>([&] { OutputFile out(path("a"), false); }),
            path("a") + ": exists already");
  OutputFile out(path("a"), true);
  out.write("new", 3);
  EXPECT_EQ(read_file(path("a")), (Bytes{'o', 'l', 'd'}));
  out.commit();
  EXPECT_EQ(read_file(path("a")), (Bytes{'n', 'e', 'w'}));
}

TEST_F(FileTest, ALinkToNothingIsFollowed) {
  fs::create_directory(path("deep"));
  fs::create_symlink("deep/target", path("link"));
  EXPECT_THROW(OutputFile(path("link"), false), ExistsError);
  OutputFile out(path("link"), true);
  out.write("x", 1);
  out.commit();
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(read_file(path("deep/target")), Bytes{'x'});
}

TEST_F(FileTest, TemporaryNamesCannotBeGuessed) {
  const auto name_of_temporary = [&] {
    OutputFile out(path("a"), false);
    return fs::directory_iterator(folder())->path().filename().string();
  };
  const auto first = name_of_temporary(), second = name_of_temporary();
  EXPECT_NE(first, second);
  EXPECT_EQ(first.find(std::to_string(::getpid())), std::string::npos);
}

TEST_F(FileTest, RefusesAFileThatAppearsMeanwhile) {
  {
    OutputFile out(path("a"), false);
    out.write("mine", 4);
    put_text("a", "theirs");
    EXPECT_THROW(out.commit(), OperationError);
  }
  EXPECT_EQ(read_file(path("a")).size(), 6U);
  EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, NothingIsLeftWithoutCommit) {
  {
    OutputFile out(path("a"), false);
    out.write("x", 1);
    EXPECT_EQ(entries(), 1U);
  }
  EXPECT_EQ(entries(), 0U);
}

TEST_F(FileTest, SignalHandlerRemovesTemporaryFiles) {
  OutputFile first(path("a"), false);
  OutputFile second(path("b"), false);
  OutputFile done(path("c"), false);
  done.commit();
  EXPECT_EQ(entries(), 3U);
  remove_temporary_files();
  EXPECT_EQ(entries(), 1U);
  EXPECT_TRUE(fs::exists(path("c")));
}

TEST_F(FileTest, FollowsLinksAndWritesDevicesDirectly) {
  put_text("real", "old");
  fs::create_symlink("real", path("link"));
  OutputFile out(path("link"), true);
  out.write("new", 3);
  out.commit();
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(read_file(path("real")), (Bytes{'n', 'e', 'w'}));

  OutputFile null("/dev/null", false);
  null.write("x", 1);
  null.commit();
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(FileTest, ErrorsNamePathAndCause) {
  EXPECT_EQ(failure<OperationError>([&] { OutputFile out(path("no/a"), false); }),
            path("no/a") + ": cannot write: No such file or directory");
  EXPECT_EQ(failure<OperationError>([&] { OutputFile out(folder(), true); }),
            folder() + ": is a folder, not a file");
  EXPECT_EQ(failure<OperationError>([&] {
              OutputFile full("/dev/full", false);
              full.write("x", 1);
            }),
            "/dev/full: cannot write: No space left on device");
}

TEST_F(FileTest, ClosedPipeIsAnError) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const int reader = ::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  OutputFile out(path("pipe"), false);
  ::close(reader);
  EXPECT_EQ(failure<OperationError>([&] { out.write("x", 1); }),
            path("pipe") + ": cannot write: Broken pipe");
  std::signal(SIGPIPE, before);
}

TEST_F(FileTest, SameFileSeesThroughLinks) {
  put_text("a", "x");
  put_text("b", "x");
  fs::create_symlink("a", path("link"));
  fs::create_hard_link(path("a"), path("hard"));
  EXPECT_TRUE(same_file(path("a"), path("link")));
  EXPECT_TRUE(same_file(path("a"), path("hard")));
  EXPECT_TRUE(same_file(path("a"), folder() + "/./a"));
  EXPECT_FALSE(same_file(path("a"), path("b")));
  EXPECT_FALSE(same_file(path("a"), path("none")));
  EXPECT_FALSE(same_file(path("none"), path("none")));
}

}  // namespace
}  // namespace pie

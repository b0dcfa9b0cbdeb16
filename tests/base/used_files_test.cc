// What a command has read or written is not replaced by it, by whatever name.
#include "lib/base/used_files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/input.h"

namespace pie {
namespace {

namespace fs = std::filesystem;

class UsedFiles : public testing::Test {
 protected:
  UsedFiles() {
    std::string pattern = (fs::temp_directory_path() / "pie-used-files-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    for (const char* name : {"read", "other"}) std::ofstream(path(name)) << name;
    fs::create_symlink("read", path("link"));
    fs::create_hard_link(path("read"), path("hard"));
  }
  ~UsedFiles() override {
    // Whoever comes next may get the same inodes.
    for (const auto& entry : fs::directory_iterator(folder_)) {
      forget_used_file(entry.path().string());
    }
    fs::remove_all(folder_);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string text(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& name) const {
    OutputFile file(path(name), true);
    file.write("new", 3);
    file.commit();
  }

  fs::path folder_;
};

// First, as there is no way back.
TEST_F(UsedFiles, ProcessesThatAreNoCommandsMayReplaceWhatTheyRead) {
  read_file(path("read"));
  EXPECT_NO_THROW(write("read"));
}

TEST_F(UsedFiles, WhatWasReadIsNotReplaced) {
  protect_used_files();
  read_file(path("read"));
  for (const char* name : {"read", "link", "hard"}) {
    EXPECT_THROW(write(name), UsageError) << name;
    EXPECT_EQ(text(name), "read");
  }
  EXPECT_NO_THROW(write("other"));
  forget_used_file(path("link"));
  EXPECT_NO_THROW(write("read"));
}

TEST_F(UsedFiles, NorWhatIsReadWhileTheOutputIsMade) {
  protect_used_files();
  OutputFile file(path("read"), true);
  file.write("new", 3);
  read_file(path("read"));
  EXPECT_THROW(file.commit(), UsageError);
  EXPECT_EQ(text("read"), "read");
}

TEST_F(UsedFiles, NorAnotherOutput) {
  protect_used_files();
  fs::create_symlink("late", path("alias"));  // to what is not there yet
  write("late");
  EXPECT_THROW(write("alias"), UsageError);
  EXPECT_THROW(write("late"), UsageError);
}

}  // namespace
}  // namespace pie

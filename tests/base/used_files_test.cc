// What a command has read or written is not replaced by it, by whatever name.
#include "lib/base/used_files.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/input.h"
#include "tests/support/test_folder.h"

namespace pie {
namespace {

namespace fs = std::filesystem;

class UsedFiles : public TestWithFolder {
 protected:
  UsedFiles() {
    for (const char* name : {"read", "other"}) std::ofstream(path(name)) << name;
    fs::create_symlink("read", path("link"));
    fs::create_hard_link(path("read"), path("hard"));
  }
  ~UsedFiles() override {
    // Whoever comes next may get the same inodes.
    for (const auto& entry : fs::directory_iterator(folder())) {
      forget_used_file(entry.path().string());
    }
  }

  std::string text(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& name) const {
    OutputFile file(path(name), true);
    file.write("new", 3);
    file.commit();
  }
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

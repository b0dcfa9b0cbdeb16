// Everything that is wanted in a folder is listed, or named with the reason why not.
#include "lib/base/folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "lib/base/error.h"
#include "tests/support/test_folder.h"

namespace pie {
namespace {

namespace fs = std::filesystem;
using Folder = TestWithFolder;

TEST_F(Folder, ListsWhatIsWantedAndNamesWhatCannotBeRead) {
  const fs::path root = folder();
  for (const char* name : {"deep/er", ".hidden", "locked"}) fs::create_directories(root / name);
  for (const char* name : {"b.x", "a.x", "a.y", ".c.x", "deep/d.x", "deep/er/e.x", ".hidden/f.x"}) {
    std::ofstream(root / name) << "x";
  }
  fs::create_symlink("nowhere", root / "dangling.x");
  fs::create_directory_symlink("deep", root / "linked");
  ASSERT_EQ(::mkfifo((root / "deep/pipe.x").c_str(), 0600), 0);
  ASSERT_EQ(::chmod((root / "locked").c_str(), 0), 0);

  const auto wanted = [](const std::string& path) { return fs::path(path).extension() == ".x"; };
  std::vector<std::string> skipped;
  const auto list = [&](bool recursive) {
    skipped.clear();
    std::vector<std::string> names;
    for (const auto& path :
         list_files(root.string(), recursive, wanted,
                    [&](const std::string&name, const std::string&) { skipped.push_back(name); })) {
      names.push_back(fs::path(path).lexically_relative(root).string());
    }
    return names;
  };
  EXPECT_EQ(list(false), (std::vector<std::string>{".c.x", "a.x", "b.x"}));
  EXPECT_EQ(skipped, (std::vector<std::string>{(root / "dangling.x").string()}));
  EXPECT_EQ(list(true), (std::vector<std::string>{".c.x", ".hidden/f.x", "a.x", "b.x", "deep/d.x",
                                                  "deep/er/e.x"}));
  std::vector<std::string> unread{"dangling.x", "deep/pipe.x", "linked", "locked"};
  if (::geteuid() == 0) unread.pop_back();  // who opens every folder
  for (auto& name : unread) name = (root / name).string();
  std::sort(skipped.begin(), skipped.end());
  EXPECT_EQ(skipped, unread);
  EXPECT_THROW(list_files((root / "none").string(), true, wanted, {}), OperationError);
  ASSERT_EQ(::chmod((root / "locked").c_str(), 0700), 0);  // to be removed
}

}  // namespace
}  // namespace pie

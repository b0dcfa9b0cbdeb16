// A folder of a test's own.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "lib/base/bytes.h"

namespace pie {

// A test case with a temporary folder that goes when it ends.
class TestWithFolder : public testing::Test {
 protected:
  TestWithFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "pie-test-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~TestWithFolder() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string folder() const { return folder_.string(); }
  // Writes a file, and its folder if need be; returns its path.
  std::string put(const std::string& name, const Bytes& bytes) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream stream(path(name), std::ios::binary);
    stream.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    return path(name);
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace pie

// A search path for models: two folders of a test's own, and one that is missing.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/image/image_test_files.h"

namespace pie {

// Sets PIE_MODEL_PATH, and puts it back.
class TestWithModelPath : public TestWithFolder {
 protected:
  TestWithModelPath() {
    if (const char* value = std::getenv("PIE_MODEL_PATH")) before_ = value;
    std::filesystem::create_directories(path("first"));
    std::filesystem::create_directories(path("second"));
    set(path("first") + "::" + path("missing") + ":" + path("second"));
  }
  ~TestWithModelPath() override { set(before_); }

  static void set(const std::string& value) {
    if (value.empty()) {
      ::unsetenv("PIE_MODEL_PATH");
    } else {
      ::setenv("PIE_MODEL_PATH", value.c_str(), 1);
    }
  }

 private:
  std::string before_;
};

}  // namespace pie

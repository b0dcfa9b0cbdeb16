// Folders in their order, and models by what their headers say, damaged ones beside them.
#include "lib/store/model_folders.h"

#include <cstdlib>
#include <filesystem>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/store/json.h"
#include "lib/store/model_header.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

Bytes file_of(const std::string& header) {
  ByteWriter file;
  file.u64(header.size());
  file.raw(header.data(), header.size());
  return file.take();
}

Bytes header_of(const std::string& fingerprint, const std::string& preset) {
  return file_of(Json{{"__metadata__", {{"fingerprint", fingerprint}, {"preset", preset}}}}.dump());
}

// Sets PIE_MODEL_PATH to two folders, and puts it back.
class ModelFolders : public TestWithFolder {
 protected:
  ModelFolders() {
    if (const char* value = std::getenv("PIE_MODEL_PATH")) before_ = value;
    std::filesystem::create_directories(path("first"));
    std::filesystem::create_directories(path("second"));
    set(path("first") + "::" + path("missing") + ":" + path("second"));
  }
  ~ModelFolders() override { set(before_); }

  static void set(const std::string& value) {
    if (value.empty()) {
      ::unsetenv("PIE_MODEL_PATH");
    } else {
      ::setenv("PIE_MODEL_PATH", value.c_str(), 1);
    }
  }

  std::string before_;
};

TEST_F(ModelFolders, AreInOrder) {
  const auto folders = model_folders();
  ASSERT_EQ(folders.size(), 5U);
  EXPECT_EQ(folders[0], path("first"));
  EXPECT_EQ(folders[2], path("second"));
  set("");
  EXPECT_EQ(model_folders().size(), 2U);  // the install's and the source tree's
}

TEST_F(ModelFolders, ModelsAreNamedByTheirHeaders) {
  put("second/right.safetensors", header_of("abc", R"({"arch": "pie", "name": "my-model"})"));
  put("second/unnamed.safetensors", header_of("def", "{}"));
  EXPECT_EQ(model_name("abc"), "my-model");
  EXPECT_EQ(model_name("def"), "");
  EXPECT_EQ(model_name("0"), "");
  put("first/other-file.safetensors", header_of("abc", R"({"name": "first"})"));
  EXPECT_EQ(model_name("abc"), "first");
}

TEST_F(ModelFolders, DamagedHeadersArePassedOver) {
  const std::string deep(100, '[');
  for (const Bytes& file : {Bytes{}, Bytes(7), Bytes(100, 7), file_of("{}"),
                            file_of("{\"__metadata__\": 3}"), file_of(deep), header_of("abc", "3"),
                            header_of("abc", deep), header_of("abc", R"({"name": 3})"),
                            file_of(R"({"__metadata__": {"fingerprint": 3, "preset": "{}"}})")}) {
    const auto broken = put("first/broken.safetensors", file);
    EXPECT_THROW(read_model_header(Input(broken)), DamagedError);
    put("second/right.safetensors", header_of("abc", R"({"name": "right"})"));
    EXPECT_EQ(model_name("abc"), "right");
  }
}

}  // namespace
}  // namespace pie

// Folders in their order, and models by what their headers say, damaged ones beside them.
#include "lib/store/model_folders.h"

#include <filesystem>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/store/json.h"
#include "lib/store/model_header.h"
#include "tests/support/model_path.h"

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

using ModelFolders = TestWithModelPath;

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

TEST_F(ModelFolders, WhatCannotBeReadHidesNothing) {
  const auto right = put("second/right.safetensors", header_of("abc", R"({"name": "right"})"));
  set(path("absent") + ":" + right + ":" + path("second"));
  EXPECT_EQ(model_name("abc"), "right");
  set(std::string(5000, 'x') + ":" + path("second"));
  EXPECT_THROW(model_paths(), OperationError);
  EXPECT_THROW(names_in_store(".json"), OperationError);
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

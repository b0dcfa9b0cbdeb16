// Finding models by path, by name and by fingerprint.
#include "lib/model/model_store.h"

#include <algorithm>
#include <filesystem>

#include "lib/base/checksum.h"
#include "lib/store/model_folders.h"
#include "tests/support/model_path.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

Bytes model_bytes(uint64_t seed) {
  const auto preset = tiny_preset(4, 2);
  return serialize_model(*random_model(preset, seed), preset, Json::object(), Json::object());
}

using ModelStore = TestWithModelPath;

TEST_F(ModelStore, TheFirstFolderWins) {
  put("second/here.safetensors", model_bytes(1));
  const auto second = find_model("here").fingerprint;
  EXPECT_EQ(second, parse_model(model_bytes(1), "x").fingerprint);
  put("first/here.safetensors", model_bytes(2));
  EXPECT_EQ(find_model("here").fingerprint, parse_model(model_bytes(2), "x").fingerprint);
}

TEST_F(ModelStore, APathIsTakenAsItIs) {
  const auto file = put("elsewhere/any.name", model_bytes(3));
  EXPECT_EQ(find_model(file).fingerprint, parse_model(model_bytes(3), "x").fingerprint);
  EXPECT_THROW(find_model(path("elsewhere/none")), Error);
}

TEST_F(ModelStore, AnUnknownNameListsWhatIsThere) {
  put("first/alpha.safetensors", model_bytes(1));
  put("second/beta.safetensors", model_bytes(2));
  const auto message = message_of<UnsupportedError>([] { find_model("gamma"); });
  for (const auto& part : {std::string("gamma"), std::string("alpha"), std::string("beta"),
                           path("first"), path("second")}) {
    EXPECT_TRUE(contains(message, part)) << message;
  }
  const auto names = names_in_store(".safetensors");
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST_F(ModelStore, FingerprintsFindTheirModelBesideDamagedOnes) {
  put("first/another.safetensors", model_bytes(1));
  put("first/broken.safetensors", Bytes(100, 7));
  auto damaged = model_bytes(2);
  damaged.back() ^= 1;
  put("first/copy.safetensors", damaged);
  std::filesystem::create_directories(path("first/folder.safetensors"));
  put("second/right.safetensors", model_bytes(2));
  const auto wanted = parse_model(model_bytes(2), "x").fingerprint;
  EXPECT_EQ(find_model(wanted).fingerprint, wanted);
  std::filesystem::remove(path("second/right.safetensors"));
  const auto message = message_of<UnsupportedError>([&] { find_model(wanted); });
  EXPECT_TRUE(contains(message, to_hex(wanted.data(), wanted.size()))) << message;
  EXPECT_TRUE(contains(message, path("second"))) << message;
}

TEST_F(ModelStore, PresetsByName) {
  const std::string text = tiny_preset().dump();
  put("second/small.json", Bytes(text.begin(), text.end()));
  EXPECT_EQ(find_preset("small"), tiny_preset());
  EXPECT_EQ(find_preset("pie-mnist").at("arch"), "pie");  // from the source tree
  const auto message = message_of<UsageError>([] { find_preset("large"); });
  EXPECT_TRUE(contains(message, "small")) << message;
  EXPECT_TRUE(contains(message, "pie-mnist")) << message;
  put("first/bad.json", Bytes{'{'});
  EXPECT_TRUE(contains(message_of<UsageError>([] { find_preset("bad"); }), "bad.json"));
}

}  // namespace
}  // namespace pie

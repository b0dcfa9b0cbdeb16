// Model files keep every bit, and no damage gets through.
#include "lib/model/model_file.h"

#include "lib/base/bytes.h"
#include "lib/base/random.h"
#include "lib/model/safetensors.h"
#include "tests/image/image_test_files.h"
#include "tests/support/cast.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

const Json kTraining = {{"steps", 12}};
const Json kMeasured = {{"bits_per_dim", 1.25}};

Bytes example(uint64_t seed = 1) {
  const auto preset = tiny_preset(4, 2);
  return serialize_model(*random_model(preset, seed), preset, kTraining, kMeasured);
}

void expect_refused(const Bytes& bytes, const std::string& what) {
  try {
    parse_model(bytes, "x.safetensors");
    ADD_FAILURE() << what << " was not noticed";
  } catch (const DamagedError& error) {
    EXPECT_TRUE(contains(error.what(), "x.safetensors")) << what << ": " << error.what();
  } catch (const UnsupportedError& error) {
    EXPECT_TRUE(contains(error.what(), "x.safetensors")) << what << ": " << error.what();
  }
}

TEST(ModelFiles, RoundTripKeepsEveryBit) {
  const auto preset = tiny_preset();
  const auto model = random_model(preset);
  const auto bytes = serialize_model(*model, preset, kTraining, kMeasured);
  EXPECT_EQ(serialize_model(*model, preset, kTraining, kMeasured), bytes);
  const auto loaded = parse_model(bytes, "x");
  EXPECT_EQ(loaded.preset, preset);
  EXPECT_EQ(loaded.training, kTraining);
  EXPECT_EQ(loaded.measured, kMeasured);
  EXPECT_EQ(loaded.name(), "tiny");
  EXPECT_EQ(loaded.fingerprint, fingerprint(preset, *model));
  const auto before = model->stored_tensors(), after = loaded.model->stored_tensors();
  ASSERT_EQ(before.size(), after.size());
  int64_t parameters = 0;
  for (const auto& [name, tensor] : before) {
    EXPECT_TRUE(torch::equal(after.at(name), tensor)) << name;
    EXPECT_FALSE(after.at(name).requires_grad()) << name;
    parameters += tensor.numel();
  }
  EXPECT_EQ(loaded.parameters, parameters);
  EXPECT_EQ(serialize_model(*loaded.model, loaded.preset, loaded.training, loaded.measured), bytes);
  const auto x = uniform_tensor({2, 1, 8, 8}, 0, 1, 1, torch::kFloat32);
  EXPECT_TRUE(torch::equal(as<FlowModel>(loaded).latents(x).z, model->latents(x).z));
}

TEST(ModelFiles, EveryFlippedHeaderByteIsNoticed) {
  const auto good = example();
  ByteReader reader(good.data(), good.size());
  const size_t header_end = 8 + static_cast<size_t>(reader.u64());
  const CounterRandom random(2, 0);
  for (size_t i = 0; i < header_end; ++i) {
    auto bytes = good;
    bytes[i] = static_cast<uint8_t>(bytes[i] ^ (1 + random.bits(i) % 255));
    expect_refused(bytes, "a flip of byte " + std::to_string(i));
  }
}

TEST(ModelFiles, FlippedPayloadBytesAreNoticed) {
  const auto good = example();
  ByteReader reader(good.data(), good.size());
  const size_t begin = 8 + static_cast<size_t>(reader.u64());
  const CounterRandom random(3, 0);
  for (uint64_t k = 0; k < 2000; ++k) {
    const size_t i = begin + random.bits(2 * k) % (good.size() - begin);
    auto bytes = good;
    bytes[i] = static_cast<uint8_t>(bytes[i] ^ (1 + random.bits(2 * k + 1) % 255));
    expect_refused(bytes, "a flip of byte " + std::to_string(i));
  }
}

TEST(ModelFiles, EveryCutIsNoticed) {
  const auto good = example();
  for (size_t k = 0; k < 200; ++k) {
    const size_t size = good.size() * k / 200;
    const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW(parse_model(cut, "x"), DamagedError) << size;
  }
  auto longer = good;
  longer.push_back(0);
  EXPECT_THROW(parse_model(longer, "x"), DamagedError);
}

TEST(ModelFiles, WeightsThatAreNotFiniteAreRefusedByName) {
  for (const float bad : {NAN, INFINITY}) {
    const auto preset = tiny_preset(4, 2);
    const auto model = random_model(preset);
    {
      const torch::NoGradGuard no_grad;
      model->named_parameters()["block0.3.subnet1.weight1"].view(-1)[3] = bad;
    }
    const auto bytes = serialize_model(*model, preset, kTraining, kMeasured);
    EXPECT_TRUE(contains(message_of<DamagedError>([&] { parse_model(bytes, "x"); }),
                         "block0.3.subnet1.weight1"));
  }
}

// Files with a right hash that say what they must not.
TEST(ModelFiles, ContradictionsAreRefused) {
  const auto file = parse_tensors(example(), "x");
  const auto changed = [&](const auto& change) {
    TensorFile copy = file;
    change(copy);
    return serialize_tensors(copy);
  };
  EXPECT_NO_THROW(parse_model(changed([](TensorFile&) {}), "x"));
  for (const std::string key : {"format", "preset", "training", "measured"}) {
    const auto bytes = changed([&](TensorFile& f) { f.metadata.erase(key); });
    EXPECT_TRUE(contains(message_of<DamagedError>([&] { parse_model(bytes, "x"); }), key));
    EXPECT_ANY_THROW(parse_model(changed([&](TensorFile& f) { f.metadata[key] = "7"; }), "x"));
    expect_refused(serialize_tensors([&] {
                     TensorFile copy = file;
                     copy.metadata[key] = std::string(2'000'000, '[') + std::string(2'000'000, ']');
                     return copy;
                   }()),
                   "x.safetensors: deep nesting in " + key);
  }
  // What only a newer version can have written is no damage.
  const auto newer = changed([](TensorFile& f) { f.metadata["format"] = "pie-model/2"; });
  EXPECT_EQ(message_of<UnsupportedError>([&] { parse_model(newer, "x"); }),
            "x: needs a newer pie: model file format 2; formats 1 to 1 are read");
  const auto with_key = changed([](TensorFile& f) {
    Json preset = Json::parse(f.metadata["preset"]);
    preset["from_tomorrow"] = true;
    f.metadata["preset"] = preset.dump();
  });
  EXPECT_EQ(message_of<UnsupportedError>([&] { parse_model(with_key, "x"); }),
            "x: needs a newer pie: configuration: unknown key 'from_tomorrow'");
  const auto with_preset = [&](const std::string& assignment) {
    return changed([&](TensorFile& f) {
      Json preset = Json::parse(f.metadata["preset"]);
      set_value(preset, assignment);
      f.metadata["preset"] = preset.dump();
    });
  };
  EXPECT_THROW(parse_model(with_preset("arch=gan"), "x"), UnsupportedError);
  EXPECT_THROW(parse_model(with_preset("arch=7"), "x"), UnsupportedError);
  EXPECT_THROW(parse_model(with_preset("conv.hidden=7"), "x"), DamagedError);
  EXPECT_THROW(parse_model(with_preset("conv.hidden=-7"), "x"), DamagedError);
  EXPECT_THROW(parse_model(with_preset("residual_mean=zero"), "x"), DamagedError);
  // More than the file has is refused before it is allocated, the head's weights too.
  const auto with_head = changed([](TensorFile& f) {
    Json preset = Json::parse(f.metadata["preset"]);
    preset["classes"] = 100000;
    preset["head_features"] = 512;
    f.metadata["preset"] = preset.dump();
  });
  EXPECT_TRUE(contains(message_of<DamagedError>([&] { parse_model(with_head, "x"); }),
                       "needs more weights than it holds"));
  EXPECT_THROW(parse_model(with_preset("blocks.0.keep=7"), "x"), DamagedError);
  EXPECT_THROW(parse_model(changed([](TensorFile& f) { f.tensors.erase(f.tensors.begin()); }), "x"),
               DamagedError);
  EXPECT_THROW(
      parse_model(changed([](TensorFile& f) { f.tensors["more"] = torch::zeros({1}); }), "x"),
      DamagedError);
  EXPECT_THROW(parse_model(changed([](TensorFile& f) {
                             auto& tensor = f.tensors["block0.2.vectors"];
                             tensor = tensor.t().contiguous();
                           }),
                           "x"),
               DamagedError);
}

TEST(ModelFiles, FingerprintCoversWhatDecodingDependsOn) {
  const auto preset = tiny_preset();
  const auto model = random_model(preset);
  const auto print = fingerprint(preset, *model);
  EXPECT_EQ(fingerprint(preset, *random_model(preset)), print);
  const auto changed = [&](const std::string& assignment) {
    Json other = preset;
    set_value(other, assignment);
    return fingerprint(other, *model);
  };
  EXPECT_EQ(changed("name=renamed"), print);
  EXPECT_EQ(changed("train.lr=1"), print);
  EXPECT_NE(changed("eps0_squared=0.02"), print);
  EXPECT_NE(changed("pre_transform.scale=3"), print);
  EXPECT_NE(changed("conv.scale_clamp=1.5"), print);
  for (auto& item : model->named_parameters()) {
    const torch::NoGradGuard no_grad;
    auto value = item.value().view(-1)[0];
    const float before = value.item<float>();
    value.fill_(std::nextafter(before, 100.0F));
    EXPECT_NE(fingerprint(preset, *model), print) << item.key();
    value.fill_(before);
  }
  EXPECT_EQ(fingerprint(preset, *model), print);
}

TEST(ModelFiles, MissingFilesAreNamed) {
  EXPECT_TRUE(
      contains(message_of<OperationError>([] { load_model(Input("/no/such.safetensors")); }),
               "/no/such.safetensors"));
}

}  // namespace
}  // namespace pie

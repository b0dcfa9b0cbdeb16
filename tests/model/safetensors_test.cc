// Tensor files: exact, readable by others, and refused when anything in them is not as written.
#include "lib/model/safetensors.h"

#include <cstring>

#include "lib/base/bytes.h"
#include "lib/base/checksum.h"
#include "lib/store/json.h"
#include "tests/image/image_test_files.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

TensorFile example_tensors() {
  return {{{"title", "a \"quoted\" text\n"}},
          {{"a", normal_tensor({2, 3}, 1, torch::kFloat32)},
           {"b.weight", normal_tensor({4}, 2, torch::kFloat32)},
           {"empty", torch::zeros({0, 5})},
           {"scalar", torch::tensor(2.5F)}}};
}

// A file with any header text and payload.
Bytes assemble(const std::string& header, const Bytes& payload = {}) {
  ByteWriter out;
  out.u64(header.size());
  out.raw(header.data(), header.size());
  out.raw(payload);
  return out.take();
}

// A file whose hash is right whatever the header says: what somebody hostile would write.
Bytes with_hash(Json header, const Bytes& payload) {
  const std::string text = header.dump();
  Bytes content(text.begin(), text.end());
  content.insert(content.end(), payload.begin(), payload.end());
  const auto hash = sha256(content.data(), content.size());
  header["__metadata__"]["sha256"] = to_hex(hash.data(), hash.size());
  return assemble(header.dump(), payload);
}

Json header_with(const Json& entry) { return {{"__metadata__", {{"title", "x"}}}, {"a", entry}}; }

TEST(Safetensors, RoundTripKeepsEveryBit) {
  const auto file = example_tensors();
  const auto bytes = serialize_tensors(file);
  EXPECT_EQ(serialize_tensors(file), bytes);
  const auto back = parse_tensors(bytes, "x");
  EXPECT_EQ(back.metadata.at("title"), file.metadata.at("title"));
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    EXPECT_TRUE(torch::equal(back.tensors.at(name), tensor)) << name;
    EXPECT_EQ(back.tensors.at(name).sizes(), tensor.sizes()) << name;
  }
}

TEST(Safetensors, FollowsThePublicLayout) {
  const auto bytes = serialize_tensors(example_tensors());
  ByteReader reader(bytes.data(), bytes.size());
  const auto length = reader.u64();
  const auto text = reader.raw(length);
  const auto header = Json::parse(text.data, text.data + text.size);
  EXPECT_EQ(header.at("a").at("dtype"), "F32");
  EXPECT_EQ(header.at("a").at("shape"), Json::array({2, 3}));
  EXPECT_EQ(header.at("a").at("data_offsets"), Json::array({0, 24}));
  EXPECT_EQ(header.at("b.weight").at("data_offsets"), Json::array({24, 40}));
  EXPECT_EQ(header.at("scalar").at("shape"), Json::array());
  EXPECT_EQ(reader.remaining(), 44u);
  float first;
  std::memcpy(&first, reader.raw(4).data, 4);
  EXPECT_EQ(first, example_tensors().tensors["a"][0][0].item<float>());
}

TEST(Safetensors, ACraftedFileOfTheRightKindIsRead) {
  const auto file = parse_tensors(
      with_hash(header_with({{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {0, 4}}}),
                Bytes(4, 0)),
      "x");
  EXPECT_EQ(file.tensors.at("a")[0].item<float>(), 0);
}

TEST(Safetensors, HostileEntriesAreRefused) {
  const int64_t huge = int64_t{1} << 62;
  for (const Json& entry : std::vector<Json>{
           {{"dtype", "F32"}, {"shape", {2}}, {"data_offsets", {0, 4}}},
           {{"dtype", "F32"}, {"shape", {-1}}, {"data_offsets", {0, 4}}},
           {{"dtype", "F32"}, {"shape", {huge, 4}}, {"data_offsets", {0, 4}}},
           {{"dtype", "F32"}, {"shape", {huge, huge, huge}}, {"data_offsets", {0, 4}}},
           {{"dtype", "F32"}, {"shape", {0, huge, huge}}, {"data_offsets", {0, 0}}},
           {{"dtype", "F32"}, {"shape", {0, huge}}, {"data_offsets", {0, 0}}},
           {{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {0, 5}}},
           {{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {4, 0}}},
           {{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {4, 8}}},
           {{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {-4, 4}}},
           {{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {0}}},
           {{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", "all"}},
           {{"dtype", "F64"}, {"shape", {1}}, {"data_offsets", {0, 4}}},
           {{"dtype", "F32"}, {"shape", "one"}, {"data_offsets", {0, 4}}},
           {{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {0, 4}}, {"more", 1}},
           {{"shape", {1}}, {"data_offsets", {0, 4}}},
           Json(7),
           Json::array()}) {
    EXPECT_THROW(parse_tensors(with_hash(header_with(entry), Bytes(4, 0)), "x"), DamagedError)
        << entry;
  }
}

TEST(Safetensors, OverlapsHolesAndLeftoversAreRefused) {
  Json header = header_with({{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {0, 4}}});
  header["b"] = {{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {0, 4}}};
  EXPECT_THROW(parse_tensors(with_hash(header, Bytes(4, 0)), "x"), DamagedError);
  header["b"]["data_offsets"] = {8, 12};
  EXPECT_THROW(parse_tensors(with_hash(header, Bytes(12, 0)), "x"), DamagedError);
  header["b"]["data_offsets"] = {4, 8};
  EXPECT_NO_THROW(parse_tensors(with_hash(header, Bytes(8, 0)), "x"));
  EXPECT_THROW(parse_tensors(with_hash(header, Bytes(9, 0)), "x"), DamagedError);
}

TEST(Safetensors, ValuesThatAreNotFiniteAreRefusedByName) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    auto file = example_tensors();
    file.tensors["b.weight"][2] = bad;
    const auto bytes = serialize_tensors(file);
    EXPECT_TRUE(contains(message_of<DamagedError>([&] { parse_tensors(bytes, "x"); }), "b.weight"));
  }
}

TEST(Safetensors, HostileHeadersAreRefused) {
  const auto good = serialize_tensors(example_tensors());
  for (const uint64_t length :
       {uint64_t{0}, uint64_t{1}, uint64_t{good.size()}, uint64_t{1} << 24, (uint64_t{1} << 24) + 1,
        uint64_t{1} << 40, uint64_t{1} << 63, ~uint64_t{0}}) {
    auto bytes = good;
    for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(length >> (8 * i));
    EXPECT_THROW(parse_tensors(bytes, "x"), DamagedError) << length;
  }
  for (const std::string header :
       {"", "{", "{}", "[]", "null", "{\"__metadata__\":{}}", "{\"__metadata__\":{\"sha256\":7}}",
        "{\"__metadata__\":7}", "{\"__metadata__\":{\"sha256\":\"00\"}} ", "\xff\xfe"}) {
    EXPECT_THROW(parse_tensors(assemble(header), "x"), DamagedError) << header;
  }
  EXPECT_THROW(parse_tensors(Bytes{}, "x"), TruncatedError);
  EXPECT_THROW(parse_tensors(Bytes(7, 0), "x"), TruncatedError);
}

// Functions that call themselves for each level would run out of stack.
TEST(Safetensors, DeepNestingIsRefused) {
  const size_t depth = 4'000'000;
  const std::string header =
      "{\"__metadata__\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  EXPECT_THROW(parse_tensors(assemble(header), "x"), DamagedError);
}

// The same content in another spelling, or twice, would escape the hash.
TEST(Safetensors, OtherSpellingsAreRefused) {
  const auto good = serialize_tensors(example_tensors());
  ByteReader reader(good.data(), good.size());
  const auto length = reader.u64();
  const auto span = reader.raw(length);
  const std::string text(reinterpret_cast<const char*>(span.data), span.size);
  const Bytes payload(good.end() - static_cast<std::ptrdiff_t>(reader.remaining()), good.end());
  EXPECT_NO_THROW(parse_tensors(assemble(text, payload), "x"));
  EXPECT_THROW(parse_tensors(assemble(text + " ", payload), "x"), DamagedError);
  EXPECT_THROW(parse_tensors(assemble(" " + text, payload), "x"), DamagedError);
  const std::string twice = "{\"a\":7," + text.substr(1);
  EXPECT_THROW(parse_tensors(assemble(twice, payload), "x"), DamagedError);
}

}  // namespace
}  // namespace pie

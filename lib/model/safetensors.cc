#include "lib/model/safetensors.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/store/json.h"
#include "lib/store/model_header.h"

namespace pie {
namespace {

std::string content_hash(Json header, const uint8_t* payload, size_t size) {
  header["__metadata__"].erase("sha256");
  ByteWriter content;
  const std::string text = header.dump();
  content.raw(text.data(), text.size());
  content.raw(payload, size);
  const auto hash = sha256(content.bytes().data(), content.size());
  return to_hex(hash.data(), hash.size());
}

torch::Tensor parse_tensor(const Json& entry, const uint8_t* payload, size_t payload_size,
                           size_t& expected_begin) {
  const auto shape = entry.at("shape").get<std::vector<int64_t>>();
  const auto offsets = entry.at("data_offsets").get<std::vector<uint64_t>>();
  if (entry.size() != 3 || entry.at("dtype") != "F32" || offsets.size() != 2) {
    throw DamagedError("is not float32 with shape and offsets");
  }
  // No holes and no overlaps, so offsets and shapes are bounded by the file's own size.
  if (offsets[0] != expected_begin || offsets[1] < offsets[0] || offsets[1] > payload_size) {
    throw DamagedError("has impossible offsets");
  }
  const uint64_t values = (offsets[1] - offsets[0]) / sizeof(float);
  uint64_t numel = 1;
  for (const int64_t n : shape) {
    if (n < 0 || (n > 0 && numel > values / static_cast<uint64_t>(n))) {
      throw DamagedError("has a shape that does not fit its bytes");
    }
    numel *= static_cast<uint64_t>(n);
  }
  if (numel * sizeof(float) != offsets[1] - offsets[0]) {
    throw DamagedError("has a shape that does not fit its bytes");
  }
  auto tensor = torch::empty(shape, torch::kFloat32);
  if (numel > 0) std::memcpy(tensor.data_ptr<float>(), payload + offsets[0], numel * sizeof(float));
  if (!torch::isfinite(tensor).all().item<bool>()) {
    throw DamagedError("has values that are not finite");
  }
  expected_begin = offsets[1];
  return tensor;
}

}  // namespace

const std::string& TensorFile::text(const std::string& key, const std::string& path) const {
  const auto it = metadata.find(key);
  if (it == metadata.end()) throw DamagedError(path + ": its metadata lacks '" + key + "'");
  return it->second;
}

Bytes serialize_tensors(const TensorFile& file) {
  Json header;
  header["__metadata__"] = file.metadata;
  ByteWriter payload;
  for (const auto& [name, tensor] : file.tensors) {
    const auto flat = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
    const size_t begin = payload.size();
    payload.raw(flat.data_ptr<float>(), static_cast<size_t>(flat.numel()) * sizeof(float));
    header[name] = {{"dtype", "F32"},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {begin, payload.size()}}};
  }
  header["__metadata__"]["sha256"] = content_hash(header, payload.bytes().data(), payload.size());
  const std::string text = header.dump();
  ByteWriter bytes;
  bytes.u64(text.size());
  bytes.raw(text.data(), text.size());
  bytes.raw(payload.bytes());
  return bytes.take();
}

TensorFile parse_tensors(const Bytes& bytes, const std::string& path) {
  const auto damaged = [&](const std::string& cause) {
    return DamagedError(path + ": " + cause + "; restore it from a copy");
  };
  ByteReader reader(bytes.data(), bytes.size());
  if (bytes.size() < 8) throw TruncatedError(path + ": too short for a safetensors file");
  const uint64_t length = reader.u64();
  if (length > kMaxModelHeader) throw damaged("not a safetensors file of this toolkit");
  if (length > reader.remaining()) throw TruncatedError(path + ": cut inside its header");
  const auto span = reader.raw(length);
  const auto payload = reader.raw(reader.remaining());

  TensorFile file;
  std::string at = "the header";
  try {
    const std::string text(reinterpret_cast<const char*>(span.data), span.size);
    const Json header = parse_json(text);
    // Another spelling of the same JSON would escape the hash.
    if (header.dump() != text) throw DamagedError("is not as written");
    at = "__metadata__";
    file.metadata = header.at(at).get<std::map<std::string, std::string>>();
    if (file.text("sha256", path) != content_hash(header, payload.data, payload.size)) {
      throw DamagedError("has a SHA-256 that does not match the content: damaged or cut");
    }
    size_t begin = 0;
    for (const auto& item : header.items()) {
      if (item.key() == "__metadata__") continue;
      at = "tensor '" + item.key() + "'";
      file.tensors[item.key()] = parse_tensor(item.value(), payload.data, payload.size, begin);
    }
    at = "the payload";
    if (begin != payload.size) throw DamagedError("has bytes that belong to no tensor");
  } catch (const nlohmann::json::exception&) {
    throw damaged(at + " is not what a model file has there");
  } catch (const DamagedError& error) {
    throw damaged(at + " " + error.what());
  }
  return file;
}

}  // namespace pie

#include "lib/store/model_header.h"

#include <algorithm>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/store/json.h"

namespace pie {

namespace {

struct Header {
  nlohmann::json json;
  std::uint64_t end;  // offset of the first byte behind it
};

Header read_header(const Input& file) {
  const Bytes start = file.beginning(8);
  const std::uint64_t length = start.size() < 8 ? 0 : ByteReader(start.data(), start.size()).u64();
  if (length == 0 || length > kMaxModelHeader) {
    throw DamagedError(file.name() + ": not a safetensors file of this toolkit");
  }
  const Bytes bytes = file.read(8, length);
  return {parse_json<nlohmann::json>(std::string(bytes.begin(), bytes.end())), 8 + length};
}

[[noreturn]] void refuse(const Input& file) {
  throw DamagedError(file.name() + ": its header is not that of a model");
}

}  // namespace

ModelHeader read_model_header(const Input& file) {
  const Header header = read_header(file);
  try {
    const auto& metadata = header.json.at("__metadata__");
    const auto preset = parse_json(metadata.at("preset").get<std::string>());
    return {metadata.at("fingerprint").get<std::string>(), preset.value("name", std::string())};
  } catch (const nlohmann::json::exception&) {
    refuse(file);
  }
}

Bytes read_model_file(const Input& file) {
  const Header header = read_header(file);
  std::uint64_t payload = 0;
  try {
    for (const auto& [name, entry] : header.json.items()) {
      if (name == "__metadata__") continue;
      payload = std::max(payload, entry.at("data_offsets").at(1).get<std::uint64_t>());
    }
  } catch (const nlohmann::json::exception&) {
    refuse(file);
  }
  if (payload > file.size()) {
    throw TruncatedError(file.name() + ": cut: its header speaks of " + std::to_string(payload) +
                         " bytes of weights; restore it from a copy");
  }
  return file.all(header.end + payload);
}

}  // namespace pie

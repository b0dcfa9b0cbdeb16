#include "lib/store/model_header.h"

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/store/json.h"

namespace pie {

ModelHeader read_model_header(const Input& file) {
  const Bytes start = file.beginning(8);
  const std::uint64_t length = start.size() < 8 ? 0 : ByteReader(start.data(), start.size()).u64();
  if (length == 0 || length > kMaxModelHeader) {
    throw DamagedError(file.name() + ": not a safetensors file of this toolkit");
  }
  const Bytes bytes = file.read(8, length);
  const auto header = parse_json<nlohmann::json>(std::string(bytes.begin(), bytes.end()));
  try {
    const auto& metadata = header.at("__metadata__");
    const auto preset = parse_json(metadata.at("preset").get<std::string>());
    return {metadata.at("fingerprint").get<std::string>(), preset.value("name", std::string())};
  } catch (const nlohmann::json::exception&) {
    throw DamagedError(file.name() + ": its header is not that of a model");
  }
}

}  // namespace pie

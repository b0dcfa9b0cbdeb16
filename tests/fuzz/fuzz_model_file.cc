// Model files: any bytes, and the bytes as a configuration in a file that is otherwise right.
#include "lib/model/model_file.h"
#include "lib/model/safetensors.h"
#include "lib/store/model_header.h"
#include "lib/train/train_config.h"
#include "tests/fuzz/target.h"
#include "tests/support/tiny_exact.h"

namespace pie {
namespace {

// A model's tensors and what is said of them.
const TensorFile& tiny_file() {
  static const TensorFile kFile = [] {
    const Json preset = tiny_exact_preset();
    return parse_tensors(
        serialize_model(*random_exact_pie(preset), preset, Json::object(), Json::object()), "tiny");
  }();
  return kFile;
}

}  // namespace
}  // namespace pie

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pie;
  const Bytes bytes(data, data + size);
  failure([&] { read_model_header(Input(ByteSpan{data, size})); });
  failure([&] { parse_model(bytes, "fuzz"); });

  const std::string text(bytes.begin(), bytes.end());
  const Json preset = parse_json(text);
  if (preset.is_discarded()) return 0;
  TensorFile file = tiny_file();
  file.metadata["preset"] = text;
  failure([&] { parse_model(serialize_tensors(file), "fuzz"); });
  failure([&] { parse_train_config(preset); });
  return 0;
}

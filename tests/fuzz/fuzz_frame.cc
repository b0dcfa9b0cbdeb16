// Any image through each kind of coder and back; and frames whose blocks are other bytes than the
// encoder's, under right checksums.
#include <fuzzer/FuzzedDataProvider.h>

#include <array>

#include "lib/codec/codec.h"
#include "lib/container/code_file.h"
#include "lib/model/model_store.h"
#include "tests/container/sample_files.h"
#include "tests/fuzz/target.h"
#include "tests/support/tiny_exact.h"
#include "tests/support/tiny_model.h"

namespace pie {
namespace {

const LoadedModel& model(int which) {
  static const std::array<LoadedModel, 4> kModels{random_loaded_exact_pie(tiny_exact_preset()),
                                                  random_loaded_exact_pie(tiny_photo_preset(), 4),
                                                  floor_model(), tiny()};
  return kModels.at(static_cast<std::size_t>(which));
}

Image decode(const LoadedModel& model, const Bytes& file) {
  const CodeFile code(file);
  Image result;
  decode_images(model, code.frames().front(), 0, {0},
                [&](std::uint64_t, const Image& image) { result = image; });
  return result;
}

Image any_image(FuzzedDataProvider& input, bool real_valued) {
  Image image(
      Shape{real_valued ? 1 : input.ConsumeIntegralInRange<int>(1, 4),
            input.ConsumeIntegralInRange<int>(1, 20), input.ConsumeIntegralInRange<int>(1, 20)},
      real_valued || input.ConsumeBool() ? 8 : 16);
  const auto bytes = input.ConsumeRandomLengthString(image.samples.size());
  for (std::size_t i = 0; i < image.samples.size() && !bytes.empty(); ++i) {
    image.samples[i] = static_cast<std::uint8_t>(bytes[i % bytes.size()]);
  }
  return image;
}

// The frame with other bytes in its blocks.
Bytes altered(const Bytes& bytes, FuzzedDataProvider& input) {
  const CodeFile code(bytes);
  const StoredFrame& stored = code.frames().front();
  test::Frame frame;
  frame.header = stored.header();
  frame.chunks = stored.chunks();
  for (int layer = 0; layer < stored.layers(); ++layer) {
    std::vector<CodedBlock>& blocks = frame.layers.emplace_back();
    for (std::uint64_t b = 0; b < stored.blocks(); ++b) {
      CodedBlock& block = blocks.emplace_back(stored.block(layer, b));
      if (input.ConsumeBool()) continue;
      block.mode = static_cast<BlockMode>(input.ConsumeIntegralInRange<int>(0, 2));
      if (input.ConsumeBool()) {
        const auto other = input.ConsumeRandomLengthString();
        block.bytes.assign(other.begin(), other.end());
      } else if (!block.bytes.empty()) {
        const auto at = input.ConsumeIntegralInRange<std::size_t>(0, block.bytes.size() - 1);
        block.bytes[at] = input.ConsumeIntegral<std::uint8_t>();
      }
    }
  }
  return test::write_frame(frame);
}

}  // namespace
}  // namespace pie

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pie;
  FuzzedDataProvider input(data, size);
  const int which = input.ConsumeIntegralInRange<int>(0, 3);
  const bool real_valued = which == 3;
  const Image image = any_image(input, real_valued);
  Bytes frame;
  failure([&] { frame = encode_images(model(which), feed_of(image), {}).frame; });
  if (frame.empty()) return 0;
  const Image back = decode(model(which), frame);
  require(back.shape == image.shape && (real_valued || back == image));
  const Bytes other = altered(frame, input);
  if (other != frame) failure([&] { require(decode(model(which), other).shape == image.shape); });
  return 0;
}

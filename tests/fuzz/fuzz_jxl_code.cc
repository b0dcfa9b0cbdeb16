// The codestream of the floor, of which the frame says the shape.
#include <fuzzer/FuzzedDataProvider.h>

#include "lib/image/jxl_code.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  const pie::Shape shape{input.ConsumeIntegralInRange<int>(1, 4),
                         input.ConsumeIntegralInRange<int>(1, 64),
                         input.ConsumeIntegralInRange<int>(1, 64)};
  const int bits = input.ConsumeBool() ? 8 : 16;
  const auto code = input.ConsumeRemainingBytes<std::uint8_t>();
  pie::failure([&] {
    const pie::Image image = pie::decode_jxl({code.data(), code.size()}, shape, bits);
    pie::require(image.shape == shape && image.bits == bits);
    const pie::Bytes again = pie::encode_jxl(image, 1);
    pie::require(pie::decode_jxl({again.data(), again.size()}, shape, bits) == image);
  });
  return 0;
}

// The codes of the floor, of which the frame says the shape.
#include <fuzzer/FuzzedDataProvider.h>

#include "lib/image/jxl_code.h"
#include "lib/image/webp_code.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  const pie::Shape shape{input.ConsumeIntegralInRange<int>(1, 4),
                         input.ConsumeIntegralInRange<int>(1, 64),
                         input.ConsumeIntegralInRange<int>(1, 64)};
  const int bits = input.ConsumeBool() ? 8 : 16;
  const auto code = input.ConsumeRemainingBytes<std::uint8_t>();
  const pie::ByteSpan span{code.data(), code.size()};
  const bool webp = bits == 8 && pie::is_webp_code(span);
  pie::failure([&] {
    const pie::Image image =
        webp ? pie::decode_webp_code(span, shape) : pie::decode_jxl(span, shape, bits);
    pie::require(image.shape == shape && image.bits == bits);
    const pie::Bytes again = webp ? pie::encode_webp_code(image, 1) : pie::encode_jxl(image, 1);
    const pie::ByteSpan other{again.data(), again.size()};
    pie::require((webp ? pie::decode_webp_code(other, shape)
                       : pie::decode_jxl(other, shape, bits)) == image);
  });
  return 0;
}

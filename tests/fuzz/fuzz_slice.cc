// Names of inputs with slices behind them.
#include "lib/image/slice.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  pie::failure([&] {
    const pie::SlicedInput input = pie::parse_sliced_input(text);
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{100}}) {
      if (!input.slice) continue;
      pie::failure([&] {
        const pie::IndexRange range = pie::resolve_slice(*input.slice, count, "fuzz");
        pie::require(range.begin < range.end && range.end <= count);
      });
    }
  });
  return 0;
}

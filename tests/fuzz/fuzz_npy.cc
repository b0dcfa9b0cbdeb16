// Latents from NumPy.
#include "lib/codec/npy.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pie::failure([&] {
    const torch::Tensor matrix = pie::read_npy(pie::Bytes(data, data + size), "fuzz");
    pie::require(torch::equal(pie::read_npy(pie::write_npy(matrix), "again"), matrix));
  });
  return 0;
}

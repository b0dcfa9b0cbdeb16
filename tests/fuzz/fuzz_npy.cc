// Latents from NumPy.
#include "lib/codec/npy.h"
#include "tests/fuzz/target.h"

namespace {

torch::Tensor read(const pie::Bytes& bytes) {
  return pie::read_npy(pie::Input({bytes.data(), bytes.size()}, "fuzz"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pie::failure([&] {
    const torch::Tensor matrix = read(pie::Bytes(data, data + size));
    pie::require(torch::equal(read(pie::write_npy(matrix)), matrix));
  });
  return 0;
}

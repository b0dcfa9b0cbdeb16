#include "tests/image/stb_encoders.h"

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace pie {
namespace {

void append_to(void* context, void* data, int size) {
  Bytes* out = static_cast<Bytes*>(context);
  const std::uint8_t* bytes = static_cast<const std::uint8_t*>(data);
  out->insert(out->end(), bytes, bytes + size);
}

}  // namespace

Bytes encode_bmp(const Image& image) {
  Bytes out;
  stbi_write_bmp_to_func(append_to, &out, image.shape.width, image.shape.height,
                         image.shape.channels, image.samples.data());
  return out;
}

Bytes encode_tga(const Image& image) {
  Bytes out;
  stbi_write_tga_to_func(append_to, &out, image.shape.width, image.shape.height,
                         image.shape.channels, image.samples.data());
  return out;
}

}  // namespace pie

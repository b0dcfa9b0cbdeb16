#include "lib/image/stb_file.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>

#include "lib/base/error.h"

// The implementation is compiled here and nowhere else, with internal linkage, so that it cannot
// clash with the copy of another library. The second byte of a file, at the latest, decides which
// of these formats it tries.
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PSD
#define STBI_ONLY_TGA
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_MAX_DIMENSIONS (1 << 20)
// Zeroed, so that samples which it might leave out are at least always the same.
#define STBI_MALLOC(size) std::calloc(1, size)
#define STBI_REALLOC(pointer, size) std::realloc(pointer, size)
#define STBI_FREE(pointer) std::free(pointer)
#include <stb/stb_image.h>

namespace pie {

static_assert(STBI_MAX_DIMENSIONS == kMaxSide, "one limit for all formats");

std::optional<Shape> shape_by_stb(const FileView& file) {
  int width = 0, height = 0, channels = 0;
  constexpr std::size_t kEnough = 1 << 10;
  const bool known =
      stbi_info_from_memory(file.data, static_cast<int>(std::min(file.size, kEnough)), &width,
                            &height, &channels) != 0;
  return known ? std::optional(Shape{channels, height, width}) : std::nullopt;
}

Image decode_by_stb(const FileView& file, const Shape& shape) {
  if (file.size > std::numeric_limits<int>::max()) {
    throw UnsupportedError(file.name + ": an image file of more than 2 GiB; convert it to PNG");
  }
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> pixels(
      stbi_load_from_memory(file.data, static_cast<int>(file.size), &width, &height, &channels,
                            static_cast<int>(shape.channels)),
      &stbi_image_free);
  if (pixels == nullptr || width != shape.width || height != shape.height) {
    const std::string cause = pixels == nullptr ? stbi_failure_reason() : "dimensions";
    if (cause == "outofmem") throw std::bad_alloc();
    throw DamagedError(file.name + ": the image file is damaged (" + cause + ")");
  }
  Image image(shape);
  std::copy_n(pixels.get(), image.samples.size(), image.samples.data());
  return image;
}

}  // namespace pie

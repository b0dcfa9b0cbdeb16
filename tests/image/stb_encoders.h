// Encoders of formats that the library reads but does not write, through stb_image_write.
#pragma once

#include "lib/image/image.h"

namespace pie {

// Files of 8-bit images.
Bytes encode_bmp(const Image& image);
Bytes encode_tga(const Image& image);

}  // namespace pie

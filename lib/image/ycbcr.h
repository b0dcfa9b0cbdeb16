// The colour space of JPEG, Photo CDs and video.
#pragma once

#include "lib/image/image.h"

namespace pie {

// An 8-bit RGB image as it comes back from 8-bit YCbCr (BT.601, all levels), with chroma of half
// the resolution where `halved`, as on Photo CDs and in video. Throws UsageError for others.
Image through_ycbcr(const Image& image, bool halved);

}  // namespace pie

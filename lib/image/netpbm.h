// What the Netpbm formats have in common: samples of 0 to a largest value, "maxval". Where that is
// neither 255 nor 65535, as in images of 10 or 14 bits, they are spread over all 8 or 16 bits, so
// that white is white everywhere, and metadata says so, so that they can go back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/image/image_file.h"

namespace pie {

inline constexpr std::uint64_t kMostMaxval = 65535;
// The metadata that tells maxval, in 16 bits: a private chunk, which other readers of PNG files
// pass over.
inline constexpr const char* kMaxvalType = "maXv";

// The bits of samples up to maxval. Throws DamagedError, with the name of the file, if there can be
// no such samples.
int netpbm_bits(std::uint64_t maxval, const std::string& name);

// The image of the raw samples, `shape` in all, that begin at `at`. Throws TruncatedError if there
// are less, DamagedError if one is larger than maxval.
ImageFile netpbm_image(const FileView& file, std::size_t at, const Shape& shape, int maxval);
// The same of an image of samples that are not spread yet.
ImageFile netpbm_image(Image raw, int maxval, const std::string& name);

// The maxval that an image with this metadata has in a Netpbm file, and its samples there. What the
// metadata tells counts only where all samples are spread ones, which those of previews, and of
// images that were edited since, are not: nothing is lost.
int netpbm_maxval(const Metadata& metadata, const Image& image);
Bytes netpbm_samples(const Image& image, int maxval);

// The lines of a header that begin with "#", as an item of metadata, and as lines again.
void add_netpbm_comment(const Bytes& lines, ImageFile* file);
std::string netpbm_comments(const Metadata& metadata);

// What such files can say.
bool netpbm_keeps(const MetadataItem& item);

}  // namespace pie

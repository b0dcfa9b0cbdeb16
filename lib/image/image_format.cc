#include "lib/image/image_format.h"

#include <algorithm>

#include "lib/image/bmp_file.h"
#include "lib/image/gif_file.h"
#include "lib/image/jpeg_file.h"
#include "lib/image/netpbm.h"
#include "lib/image/pam_file.h"
#include "lib/image/png_file.h"
#include "lib/image/pnm_file.h"
#include "lib/image/psd_file.h"
#include "lib/image/tga_file.h"
#include "lib/image/tiff_file.h"
#include "lib/image/webp_file.h"

namespace pie {

bool ImageFormat::can_hold(const Image& image) const {
  return encode != nullptr && image.bits <= most_bits &&
         std::find(channels.begin(), channels.end(), image.shape.channels) != channels.end() &&
         (suits == nullptr || suits(image));
}

const std::vector<ImageFormat>& image_formats() {
  static const std::vector<ImageFormat> kFormats = {
      {"PNG", {"png"}, is_png, probe_png, decode_png, encode_png, {1, 2, 3, 4}, 16, png_keeps},
      {"PBM", {"pbm"}, is_pbm, probe_pnm, decode_pnm, encode_pbm, {1}, 8, netpbm_keeps, is_bilevel},
      {"PGM", {"pgm", "pnm"}, is_pgm, probe_pnm, decode_pnm, encode_pnm, {1}, 16, netpbm_keeps},
      {"PPM", {"ppm", "pnm"}, is_ppm, probe_pnm, decode_pnm, encode_pnm, {3}, 16, netpbm_keeps},
      {"PAM",
       {"pam", "pnm"},
       is_pam,
       probe_pam,
       decode_pam,
       encode_pam,
       {1, 2, 3, 4},
       16,
       netpbm_keeps},
      {"JPEG", {"jpg", "jpeg", "jpe"}, is_jpeg, probe_jpeg, decode_jpeg},
      {"BMP", {"bmp"}, is_bmp, probe_bmp, decode_bmp},
      {"GIF", {"gif"}, is_gif, probe_gif, decode_gif},
      {"TIFF",
       {"tif", "tiff"},
       is_tiff,
       probe_tiff,
       decode_tiff,
       encode_tiff,
       {1, 2, 3, 4},
       16,
       tiff_keeps},
      {"WebP", {"webp"}, is_webp, probe_webp, decode_webp},
      {"PSD", {"psd"}, is_psd, probe_psd, decode_psd},
      {"TGA", {"tga"}, is_tga, probe_tga, decode_tga},  // the last one: it has no magic bytes
  };
  return kFormats;
}

}  // namespace pie

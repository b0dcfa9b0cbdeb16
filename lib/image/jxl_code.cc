#include "lib/image/jxl_code.h"

#include <jxl/decode.h>
#include <jxl/decode_cxx.h>
#include <jxl/encode.h>
#include <jxl/encode_cxx.h>

#include <algorithm>
#include <new>
#include <string>

#include "lib/base/error.h"

namespace pie {
namespace {

JxlPixelFormat format_of(const Shape& shape, int bits) {
  return {static_cast<std::uint32_t>(shape.channels), bits == 16 ? JXL_TYPE_UINT16 : JXL_TYPE_UINT8,
          JXL_BIG_ENDIAN, 0};
}

bool has_alpha(const Shape& shape) { return shape.channels % 2 == 0; }

JxlBasicInfo info_of(const Image& image) {
  JxlBasicInfo info;
  JxlEncoderInitBasicInfo(&info);
  info.xsize = static_cast<std::uint32_t>(image.shape.width);
  info.ysize = static_cast<std::uint32_t>(image.shape.height);
  info.bits_per_sample = static_cast<std::uint32_t>(image.bits);
  info.num_color_channels = image.shape.channels < 3 ? 1 : 3;
  if (has_alpha(image.shape)) {
    info.num_extra_channels = 1;
    info.alpha_bits = info.bits_per_sample;
  }
  info.uses_original_profile = JXL_TRUE;  // no conversion of colours
  return info;
}

void require(JxlEncoderStatus status, const char* what) {
  if (status != JXL_ENC_SUCCESS) {
    throw OperationError(std::string("libjxl cannot code this image (") + what + ")");
  }
}

void give_image(JxlEncoder* encoder, const Image& image, int effort, JxlGroups groups) {
  const JxlBasicInfo info = info_of(image);
  require(JxlEncoderSetBasicInfo(encoder, &info), "shape");
  JxlColorEncoding colors;
  JxlColorEncodingSetToSRGB(&colors, image.shape.channels < 3 ? JXL_TRUE : JXL_FALSE);
  require(JxlEncoderSetColorEncoding(encoder, &colors), "colours");
  JxlEncoderFrameSettings* settings = JxlEncoderFrameSettingsCreate(encoder, nullptr);
  require(JxlEncoderSetFrameLossless(settings, JXL_TRUE), "lossless");
  const auto set = [settings](JxlEncoderFrameSettingId id, std::int64_t value) {
    require(JxlEncoderFrameSettingsSetOption(settings, id, value), "settings");
  };
  constexpr int kSafe = 7, kAllPredictors = 15;
  set(JXL_ENC_FRAME_SETTING_EFFORT, std::min(effort, kSafe));
  if (effort > kSafe) set(JXL_ENC_FRAME_SETTING_MODULAR_PREDICTOR, kAllPredictors);
  set(JXL_ENC_FRAME_SETTING_KEEP_INVISIBLE, 1);
  set(JXL_ENC_FRAME_SETTING_MODULAR_GROUP_SIZE, static_cast<std::int64_t>(groups));
  const JxlPixelFormat format = format_of(image.shape, image.bits);
  require(JxlEncoderAddImageFrame(settings, &format, image.samples.data(), image.samples.size()),
          "samples");
  JxlEncoderCloseInput(encoder);
}

}  // namespace

Bytes encode_jxl(const Image& image, int effort, JxlGroups groups) {
  if (image.shape.elements() > kMostJxlSamples) {
    throw OperationError("too large for JPEG XL here; at most " + std::to_string(kMostJxlSamples) +
                         " samples are given to it");
  }
  const auto encoder = JxlEncoderMake(nullptr);
  if (!encoder) throw std::bad_alloc();
  give_image(encoder.get(), image, effort, groups);
  Bytes code(1 << 16);
  std::size_t used = 0;
  for (;;) {
    std::uint8_t* next = code.data() + used;
    std::size_t room = code.size() - used;
    const JxlEncoderStatus status = JxlEncoderProcessOutput(encoder.get(), &next, &room);
    used = code.size() - room;
    if (status == JXL_ENC_SUCCESS) break;
    if (status != JXL_ENC_NEED_MORE_OUTPUT) require(status, "coding");
    code.resize(2 * code.size());
  }
  code.resize(used);
  return code;
}

Image decode_jxl(ByteSpan code, const Shape& shape, int bits) {
  const auto damaged = [] { return DamagedError("not the JPEG XL code of such an image"); };
  const auto decoder = JxlDecoderMake(nullptr);
  if (!decoder) throw std::bad_alloc();
  const auto require_done = [&](JxlDecoderStatus status) {
    if (status != JXL_DEC_SUCCESS) throw damaged();
  };
  // Frames as they are, so that their size shows before they are decoded.
  require_done(JxlDecoderSubscribeEvents(decoder.get(),
                                         JXL_DEC_BASIC_INFO | JXL_DEC_FRAME | JXL_DEC_FULL_IMAGE));
  require_done(JxlDecoderSetCoalescing(decoder.get(), JXL_FALSE));
  require_done(JxlDecoderSetKeepOrientation(decoder.get(), JXL_TRUE));
  require_done(JxlDecoderSetInput(decoder.get(), code.data, code.size));
  JxlDecoderCloseInput(decoder.get());
  const JxlPixelFormat format = format_of(shape, bits);
  Image image;
  for (;;) {
    switch (JxlDecoderProcessInput(decoder.get())) {
      case JXL_DEC_BASIC_INFO: {
        JxlBasicInfo info;
        if (JxlDecoderGetBasicInfo(decoder.get(), &info) != JXL_DEC_SUCCESS ||
            info.xsize != static_cast<std::uint32_t>(shape.width) ||
            info.ysize != static_cast<std::uint32_t>(shape.height) ||
            info.num_color_channels != (shape.channels < 3 ? 1U : 3U) ||
            info.num_extra_channels != (has_alpha(shape) ? 1U : 0U) ||
            info.bits_per_sample != static_cast<std::uint32_t>(bits) ||
            info.exponent_bits_per_sample != 0 || info.have_animation != JXL_FALSE) {
          throw damaged();
        }
        break;
      }
      case JXL_DEC_FRAME: {
        JxlFrameHeader frame;
        require_done(JxlDecoderGetFrameHeader(decoder.get(), &frame));
        if (frame.is_last == JXL_FALSE || frame.layer_info.have_crop != JXL_FALSE) throw damaged();
        break;
      }
      case JXL_DEC_NEED_IMAGE_OUT_BUFFER:
        if (!image.samples.empty()) throw damaged();
        image = Image(shape, bits);
        require_done(JxlDecoderSetImageOutBuffer(decoder.get(), &format, image.samples.data(),
                                                 image.samples.size()));
        break;
      case JXL_DEC_FULL_IMAGE:
        break;
      case JXL_DEC_SUCCESS:
        if (image.samples.empty() || JxlDecoderReleaseInput(decoder.get()) != 0) throw damaged();
        return image;
      default:
        throw damaged();
    }
  }
}

}  // namespace pie

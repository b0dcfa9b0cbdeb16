#include "lib/image/gif_file.h"

#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "lib/base/error.h"

namespace pie {
namespace {

struct Close {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

// The rows of a frame in the order of its data: where it is interlaced, every eighth row comes
// first, then what is between in three more passes.
std::vector<int> row_order(const GifImageDesc& frame) {
  constexpr int kPasses[][2] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
  std::vector<int> rows;
  for (const auto& pass : kPasses) {
    for (int y = pass[0]; y < frame.Height; y += pass[1]) rows.push_back(y);
  }
  if (!frame.Interlace) std::sort(rows.begin(), rows.end());
  return rows;
}

using Color = std::array<std::uint8_t, 4>;  // red, green, blue, alpha

Color opaque(const GifColorType& color) { return {color.Red, color.Green, color.Blue, 255}; }

class Decoder {
 public:
  Decoder(const FileView& file, std::uint64_t max_pixels) : file_(file) {
    check_dimensions(file.little16(6), file.little16(8), max_pixels, file.name);
    int error = 0;
    gif_.reset(DGifOpen(this, read, &error));
    if (gif_ == nullptr) fail(error);
  }

  ImageFile decode() {
    if (next_record() != IMAGE_DESC_RECORD_TYPE) throw damaged("no image");
    check(DGifGetImageDesc(gif_.get()));
    const GifImageDesc& frame = gif_->Image;
    if (frame.Width == 0 || frame.Height == 0 || frame.Left + frame.Width > gif_->SWidth ||
        frame.Top + frame.Height > gif_->SHeight) {
      throw damaged("a frame that is empty or not within the canvas");
    }
    const Bytes indices = read_indices(frame);
    ImageFile result;
    result.image = compose(frame, indices);
    if (next_record() == IMAGE_DESC_RECORD_TYPE) {
      result.dropped.push_back("further frames");
    } else {
      result.drop_behind(file_, at_);
    }
    for (Bytes& comment : comments_) result.metadata.push_back(comment_item(std::move(comment)));
    return result;
  }

 private:
  static int read(GifFileType* gif, GifByteType* to, int wanted) {
    Decoder* self = static_cast<Decoder*>(gif->UserData);
    const std::size_t count =
        std::min(static_cast<std::size_t>(wanted), self->file_.size - self->at_);
    std::copy_n(self->file_.data + self->at_, count, to);
    self->at_ += count;
    self->exhausted_ = count < static_cast<std::size_t>(wanted);
    return static_cast<int>(count);
  }

  DamagedError damaged(const std::string& cause) const {
    return DamagedError(file_.name + ": the GIF file is damaged (" + cause + ")");
  }

  void check(int outcome) const {
    if (outcome != GIF_OK) fail(gif_->Error);
  }

  [[noreturn]] void fail(int error) const {
    if (error == D_GIF_ERR_NOT_ENOUGH_MEM) throw std::bad_alloc();
    if (exhausted_) throw TruncatedError(file_.name + ": the image file ends early");
    throw damaged("data");
  }

  // The next record that is no extension.
  GifRecordType next_record() {
    for (;;) {
      GifRecordType type = UNDEFINED_RECORD_TYPE;
      check(DGifGetRecordType(gif_.get(), &type));
      if (type != EXTENSION_RECORD_TYPE) return type;
      int kind = 0;
      GifByteType* block = nullptr;  // begins with its length
      check(DGifGetExtension(gif_.get(), &kind, &block));
      if (kind == COMMENT_EXT_FUNC_CODE) comments_.emplace_back();
      while (block != nullptr) {
        GraphicsControlBlock control;
        if (kind == COMMENT_EXT_FUNC_CODE) {
          comments_.back().insert(comments_.back().end(), block + 1, block + 1 + block[0]);
        } else if (kind == GRAPHICS_EXT_FUNC_CODE &&
                   DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
          transparent_ = control.TransparentColor;
        }
        check(DGifGetExtensionNext(gif_.get(), &block));
      }
    }
  }

  // Row by row, so that a frame which claims to be large costs no memory unless it is.
  Bytes read_indices(const GifImageDesc& frame) const {
    const std::size_t width = static_cast<std::size_t>(frame.Width);
    Bytes indices;
    for (int y = 0; y < frame.Height; ++y) {
      indices.resize(indices.size() + width);
      check(DGifGetLine(gif_.get(), indices.data() + indices.size() - width, frame.Width));
    }
    return indices;
  }

  // The frame on its canvas.
  Image compose(const GifImageDesc& frame, const Bytes& indices) const {
    const ColorMapObject* palette = frame.ColorMap != nullptr ? frame.ColorMap : gif_->SColorMap;
    const int colors = palette == nullptr ? 0 : palette->ColorCount;
    Color background{};  // transparent
    if (transparent_ == NO_TRANSPARENT_COLOR && gif_->SColorMap != nullptr &&
        gif_->SBackGroundColor < gif_->SColorMap->ColorCount) {
      background = opaque(gif_->SColorMap->Colors[gif_->SBackGroundColor]);
    }
    const std::size_t width = static_cast<std::size_t>(gif_->SWidth);
    std::vector<Color> canvas(width * static_cast<std::size_t>(gif_->SHeight), background);
    const std::uint8_t* index = indices.data();
    for (const int y : row_order(frame)) {
      Color* to = canvas.data() + static_cast<std::size_t>(frame.Top + y) * width + frame.Left;
      for (int x = 0; x < frame.Width; ++x, ++index, ++to) {
        if (*index == transparent_) continue;
        if (*index >= colors) {
          throw damaged("colour " + std::to_string(*index) + " of a palette of " +
                        std::to_string(colors));
        }
        *to = opaque(palette->Colors[*index]);
      }
    }
    const bool is_opaque = std::all_of(canvas.begin(), canvas.end(),
                                       [](const Color& color) { return color[3] == 255; });
    Image image({is_opaque ? 3 : 4, gif_->SHeight, gif_->SWidth});
    std::uint8_t* to = image.samples.data();
    for (const Color& color : canvas) to = std::copy_n(color.data(), image.shape.channels, to);
    return image;
  }

  const FileView& file_;
  std::size_t at_ = 0;
  bool exhausted_ = false;  // the last read wanted more than there is
  std::unique_ptr<GifFileType, Close> gif_;
  std::vector<Bytes> comments_;
  int transparent_ = NO_TRANSPARENT_COLOR;  // the colour that the next frame does not paint
};

}  // namespace

bool is_gif(const FileView& file) {
  return file.starts_with("GIF87a", 6) || file.starts_with("GIF89a", 6);
}

ImageHeader probe_gif(const FileView& file, std::uint64_t max_pixels) {
  return {decode_gif(file, max_pixels).image.shape, 8};
}

ImageFile decode_gif(const FileView& file, std::uint64_t max_pixels) {
  return Decoder(file, max_pixels).decode();
}

}  // namespace pie

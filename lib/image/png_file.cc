#include "lib/image/png_file.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "lib/base/error.h"

namespace pie {
namespace {

// libpng reports errors by a longjmp to the last setjmp. All calls that may fail therefore go
// through `guarded`, which turns the jump into a return value; the callables given to it own no
// object with a destructor, so that the jump skips none.
template <typename Calls>
bool guarded(png_structp png, Calls calls) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  calls();
  return true;
}

// Where libpng reads from, and what it complained about.
struct Input {
  const std::uint8_t* data;
  std::size_t size;
  std::size_t offset = 0;
  bool ended = false;
  bool no_memory = false;
  char message[128] = "";
};

// libpng says of too little memory what it says of damage.
png_voidp allocate(png_structp png, png_alloc_size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) static_cast<Input*>(png_get_mem_ptr(png))->no_memory = true;
  return memory;
}
void release(png_structp, png_voidp memory) { std::free(memory); }

void read_input(png_structp png, png_bytep to, png_size_t count) {
  Input* input = static_cast<Input*>(png_get_io_ptr(png));
  if (count > input->size - input->offset) {
    input->ended = true;
    png_error(png, "ends early");
  }
  std::memcpy(to, input->data + input->offset, count);
  input->offset += count;
}

[[noreturn]] void keep_message(png_structp png, png_const_charp text) {
  char* message = static_cast<char*>(png_get_error_ptr(png));
  std::strncpy(message, text, sizeof(Input::message) - 1);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

// What libpng knows beside what samples are made of: names of five bytes.
constexpr png_byte kNotForLibpng[] =
    "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0"
    "tIME\0zTXt";

// Whether a chunk says how samples are stored, by one file or in each frame of an animation.
bool is_of_storage(const std::string& type) {
  return type == "tRNS" || type == "iDOT" || type == "fcTL" || type == "fdAT";
}

// A PNG file opened for reading, with the header read.
class Reader {
 public:
  Reader(const FileView& file, std::uint64_t max_pixels)
      : input_{file.data, file.size}, name_(file.name) {
    png_ = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, input_.message, keep_message,
                                    ignore_warning, &input_, allocate, release);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw OperationError(name_ + ": libpng cannot be initialised");
    }
    try {
      read_header(max_pixels);
    } catch (...) {
      png_destroy_read_struct(&png_, &info_, nullptr);
      throw;
    }
  }
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  ImageHeader header() const { return header_; }

  ImageFile decode() {
    // Each byte of the file can stand for at most 1032 of the image: a header that promises more
    // lies, and shall not make us allocate for it.
    constexpr std::uint64_t kMaxDeflateRatio = 1032;
    const std::uint64_t stored_bits = static_cast<std::uint64_t>(header_.shape.pixels()) *
                                      std::uint64_t{png_get_channels(png_, info_)} *
                                      static_cast<std::uint64_t>(stored_depth_);
    if (stored_bits / 8 > kMaxDeflateRatio * input_.size) {
      throw TruncatedError(name_ + ": the file is too short for a PNG image of " +
                           to_string(header_.shape));
    }

    ImageFile file;
    file.image = Image(header_.shape, header_.bits);
    std::vector<png_bytep> rows;
    for (std::size_t start = 0; start < file.image.samples.size();
         start += file.image.row_bytes()) {
      rows.push_back(file.image.samples.data() + start);
    }
    png_bytepp row_pointers = rows.data();
    const bool read = guarded(png_, [this, row_pointers] {
      png_set_expand(png_);
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
      png_read_image(png_, row_pointers);
      png_read_end(png_, info_);
    });
    if (!read) fail();
    collect_metadata(&file);
    file.drop_behind({input_.data, input_.size, name_}, input_.offset);
    return file;
  }

 private:
  void read_header(std::uint64_t max_pixels) {
    const bool read = guarded(png_, [this] {
      png_set_read_fn(png_, &input_, read_input);
      png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
      // Dimensions are judged below, with a better message. Metadata is only skipped here: what is
      // compressed in it may be a bomb.
      png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kNotForLibpng,
                                  sizeof kNotForLibpng / 5);
      png_read_info(png_, info_);
    });
    if (!read) fail();
    check_dimensions(png_get_image_width(png_, info_), png_get_image_height(png_, info_),
                     max_pixels, name_);
    stored_depth_ = png_get_bit_depth(png_, info_);
    const int color_type = png_get_color_type(png_, info_);
    const bool color = (color_type & PNG_COLOR_MASK_COLOR) != 0;
    palette_ = color_type == PNG_COLOR_TYPE_PALETTE;
    transparency_ = png_get_valid(png_, info_, PNG_INFO_tRNS) != 0;
    const bool alpha = (color_type & PNG_COLOR_MASK_ALPHA) != 0 || transparency_;
    header_.shape = {(color ? 3 : 1) + (alpha ? 1 : 0),
                     static_cast<int>(png_get_image_height(png_, info_)),
                     static_cast<int>(png_get_image_width(png_, info_))};
    header_.bits = stored_depth_ == 16 ? 16 : 8;
  }

  // Keeps what is no part of the samples. The file has been read to its end: its chunks are sound.
  void collect_metadata(ImageFile* file) const {
    constexpr std::size_t kSignature = 8, kFrame = 12;  // a chunk's length, type and checksum
    const FileView view{input_.data, input_.size, name_};
    for (std::size_t at = kSignature; at < input_.offset;) {
      const std::size_t size = view.big32(at);
      const auto* type = view.bytes(at + 4, 4);
      MetadataItem item{std::string(type, type + 4), {}};
      const auto* data = view.bytes(at + 8, size);
      item.data.assign(data, data + size);
      if (is_metadata_type(item.type) && fit_to_samples(&item)) {
        file->metadata.push_back(std::move(item));
      } else if (item.type == "acTL") {
        file->dropped.push_back("animation");
      } else if (item.type[0] >= 'a' && !is_of_storage(item.type)) {
        file->dropped.push_back(item.type);
      }
      at += kFrame + size;
    }
  }

  // Rewrites what speaks of stored samples where these have been expanded; false if it is nonsense.
  bool fit_to_samples(MetadataItem* item) const {
    Bytes& data = item->data;
    if (item->type == "sBIT" && transparency_) {
      data.push_back(static_cast<std::uint8_t>(header_.bits));
    } else if (item->type == "bKGD" && palette_) {
      png_colorp colors = nullptr;
      int count = 0;
      png_get_PLTE(png_, info_, &colors, &count);
      if (data.size() != 1 || data[0] >= count) return false;
      const png_color& color = colors[data[0]];
      data = {0, color.red, 0, color.green, 0, color.blue};
    } else if (item->type == "bKGD" && stored_depth_ < 8) {
      if (data.size() != 2 || data[1] >> stored_depth_ != 0) return false;
      data[1] = static_cast<std::uint8_t>(data[1] * 255 / ((1 << stored_depth_) - 1));
    }
    return true;
  }

  [[noreturn]] void fail() const {
    if (input_.no_memory) throw std::bad_alloc();
    if (input_.ended) throw TruncatedError(name_ + ": the PNG file ends early");
    throw DamagedError(name_ + ": the PNG file is damaged (" + input_.message + ")");
  }

  Input input_;
  std::string name_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  ImageHeader header_;
  int stored_depth_ = 8;
  bool palette_ = false, transparency_ = false;
};

void append_output(png_structp png, png_bytep from, png_size_t count) {
  Bytes* out = static_cast<Bytes*>(png_get_io_ptr(png));
  bool appended = true;
  try {
    out->insert(out->end(), from, from + count);
  } catch (const std::bad_alloc&) {
    appended = false;  // no exception may pass through libpng, and no jump leave a handler
  }
  if (!appended) png_error(png, "out of memory");
}

void flush_nothing(png_structp) {}

}  // namespace

bool is_png(const FileView& file) { return file.size >= 8 && png_sig_cmp(file.data, 0, 8) == 0; }

ImageHeader probe_png(const FileView& file, std::uint64_t max_pixels) {
  return Reader(file, max_pixels).header();
}

ImageFile decode_png(const FileView& file, std::uint64_t max_pixels) {
  return Reader(file, max_pixels).decode();
}

Bytes encode_png(const Image& image, const Metadata& metadata) {
  static const int kColorTypes[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                    PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  char message[sizeof(Input::message)] = "";
  png_structp png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, message, keep_message, ignore_warning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  Bytes out;
  const bool written =
      info != nullptr && guarded(png, [png, info, &image, &metadata, &out] {
        png_set_write_fn(png, &out, append_output, flush_nothing);
        png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
        png_set_IHDR(png, info, static_cast<png_uint_32>(image.shape.width),
                     static_cast<png_uint_32>(image.shape.height), image.bits,
                     kColorTypes[image.shape.channels - 1], PNG_INTERLACE_NONE,
                     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_write_info(png, info);
        for (const MetadataItem& item : metadata) {
          png_write_chunk(png, reinterpret_cast<png_const_bytep>(item.type.c_str()),
                          item.data.data(), item.data.size());
        }
        const std::size_t row = image.row_bytes();
        for (std::size_t start = 0; start < image.samples.size(); start += row) {
          png_write_row(png, image.samples.data() + start);
        }
        png_write_end(png, info);
      });
  png_destroy_write_struct(&png, &info);
  if (!written) throw OperationError(std::string("a PNG image cannot be encoded: ") + message);
  return out;
}

}  // namespace pie

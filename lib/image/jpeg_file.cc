#include "lib/image/jpeg_file.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

// Behind <cstdio>, which it needs.
#include <jpeglib.h>
// Behind <jpeglib.h>.
#include <jerror.h>

#include "lib/base/error.h"

namespace pie {
namespace {

// libjpeg reports errors by a call that may not return: it jumps to the last setjmp. All calls that
// may fail therefore go through `guarded`, which turns the jump into a return value; the callables
// given to it own no object with a destructor, so that the jump skips none.
struct Failure {
  jpeg_error_mgr
      manager;  // the first member, so that libjpeg's pointer to it points to all of this
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
  bool stray_bytes = false;
  int segments = 0;  // that were kept
};

// Every scan of a progressive file is a pass over the whole image that a few bytes can ask for, and
// libjpeg walks through all segments that it has kept to keep another.
constexpr int kMostScans = 100;  // encoders write about ten
constexpr int kMostSegments = 4096;
// Codes that libjpeg does not have.
constexpr int kTooManyScans = JMSG_LASTMSGCODE, kTooManySegments = JMSG_LASTMSGCODE + 1;

template <typename Calls>
bool guarded(Failure* failure, Calls calls) {
  if (setjmp(failure->jump) != 0) return false;
  calls();
  return true;
}

[[noreturn]] void give_up(j_common_ptr jpeg) {
  Failure* failure = reinterpret_cast<Failure*>(jpeg->err);
  jpeg->err->format_message(jpeg, failure->message);
  std::longjmp(failure->jump, 1);
}

// Of what libjpeg would only warn of, nearly everything means that it guesses.
void judge_warning(j_common_ptr jpeg, int level) {
  if (level >= 0) {  // no warning, a note
    auto* failure = reinterpret_cast<Failure*>(jpeg->err);
    const int code = jpeg->err->msg_code;
    const bool segment = code == JTRC_MISC_MARKER || code == JTRC_APP14 || code == JTRC_APP0;
    if (segment && ++failure->segments > kMostSegments) {
      jpeg->err->msg_code = kTooManySegments;
      give_up(jpeg);
    }
    return;
  }
  const jpeg_error_mgr& error = *jpeg->err;
  const bool before_restart =
      error.msg_parm.i[1] >= JPEG_RST0 && error.msg_parm.i[1] <= JPEG_RST0 + 7;
  if (error.msg_code == JWRN_EXTRANEOUS_DATA && !before_restart) {
    reinterpret_cast<Failure*>(jpeg->err)->stray_bytes = true;
  } else if (error.msg_code != JWRN_JFIF_MAJOR) {
    give_up(jpeg);
  }
}

void set_handlers(Failure* failure, jpeg_error_mgr** error) {
  *error = jpeg_std_error(&failure->manager);
  failure->manager.error_exit = give_up;
  failure->manager.emit_message = judge_warning;
}

// Hands memory to libjpeg in pieces.
struct Input {
  jpeg_source_mgr manager;     // the first member, see Failure
  const std::uint8_t* behind;  // what follows the piece at hand
  std::size_t left;
};

boolean next_piece(j_decompress_ptr jpeg) {
  // With more than this at hand, libjpeg-turbo's faster Huffman decoder reads on, which takes codes
  // that no table has for zeros, in silence.
  constexpr std::size_t kPiece = 511;
  Input* input = reinterpret_cast<Input*>(jpeg->src);
  if (input->left == 0) ERREXIT(jpeg, JERR_INPUT_EOF);
  input->manager.next_input_byte = input->behind;
  input->manager.bytes_in_buffer = std::min(input->left, kPiece);
  input->behind += input->manager.bytes_in_buffer;
  input->left -= input->manager.bytes_in_buffer;
  return TRUE;
}

void skip_input(j_decompress_ptr jpeg, long count) {
  for (std::size_t rest = count > 0 ? static_cast<std::size_t>(count) : 0; rest > 0;) {
    if (jpeg->src->bytes_in_buffer == 0) next_piece(jpeg);
    const std::size_t step = std::min(rest, jpeg->src->bytes_in_buffer);
    jpeg->src->next_input_byte += step;
    jpeg->src->bytes_in_buffer -= step;
    rest -= step;
  }
}

void limit_scans(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > kMostScans) {
    ERREXIT(jpeg, kTooManyScans);
  }
}

// A JPEG file opened for reading, with the header read.
class Reader {
 public:
  Reader(const FileView& file, std::uint64_t max_pixels) : file_(file) {
    set_handlers(&failure_, &jpeg_.err);
    input_.behind = file.data;
    input_.left = file.size;
    input_.manager.init_source = [](j_decompress_ptr) {};
    input_.manager.fill_input_buffer = next_piece;
    input_.manager.skip_input_data = skip_input;
    input_.manager.resync_to_restart = jpeg_resync_to_restart;
    input_.manager.term_source = [](j_decompress_ptr) {};
    progress_.progress_monitor = limit_scans;
    try {
      read_header(max_pixels);
    } catch (...) {
      jpeg_destroy_decompress(&jpeg_);
      throw;
    }
  }
  ~Reader() { jpeg_destroy_decompress(&jpeg_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  ImageHeader header() const { return header_; }

  ImageFile decode() {
    // A block of 8x8 samples costs at least a bit, unless the coding is arithmetic, and a component
    // may have one for 4 x 4 blocks of pixels; a header that promises more lies, and shall not make
    // us allocate for it.
    constexpr std::uint64_t kMostPixelsPerByte = std::uint64_t{8} * 64 * 16;
    const bool arithmetic = jpeg_.arith_code != FALSE;
    if (!arithmetic &&
        static_cast<std::uint64_t>(header_.shape.pixels()) > kMostPixelsPerByte * file_.size) {
      throw TruncatedError(file_.name + ": the file is too short for a JPEG image of " +
                           to_string(header_.shape));
    }

    ImageFile file;
    collect_metadata(&file);
    file.image = Image(header_.shape);
    std::vector<JSAMPROW> rows;
    for (std::size_t start = 0; start < file.image.samples.size();
         start += file.image.row_bytes()) {
      rows.push_back(file.image.samples.data() + start);
    }
    if (!guarded(&failure_, [this] { jpeg_start_decompress(&jpeg_); })) fail();
    for (int c = 0; c < jpeg_.num_components; ++c) {
      if (jpeg_.comp_info[c].quant_table == nullptr) {
        throw DamagedError(file_.name + ": the JPEG file is damaged (a component has no scan)");
      }
    }
    JSAMPARRAY row_pointers = rows.data();
    const bool read = guarded(&failure_, [this, row_pointers] {
      while (jpeg_.output_scanline < jpeg_.output_height) {
        jpeg_read_scanlines(&jpeg_, row_pointers + jpeg_.output_scanline,
                            jpeg_.output_height - jpeg_.output_scanline);
      }
      jpeg_finish_decompress(&jpeg_);
    });
    if (!read) fail();
    if (failure_.stray_bytes) file.dropped.push_back("stray bytes");
    file.drop_behind(file_, file_.size - input_.left - input_.manager.bytes_in_buffer);
    return file;
  }

 private:
  void read_header(std::uint64_t max_pixels) {
    const bool read = guarded(&failure_, [this] {
      jpeg_create_decompress(&jpeg_);
      jpeg_.src = &input_.manager;
      jpeg_.progress = &progress_;
      for (int marker = kFirst; marker <= kLast; ++marker) {
        if (marker != kAdobe) jpeg_save_markers(&jpeg_, marker, kWhole);
      }
      jpeg_save_markers(&jpeg_, JPEG_COM, kWhole);
      jpeg_read_header(&jpeg_, TRUE);
    });
    if (!read) fail();
    check_dimensions(jpeg_.image_width, jpeg_.image_height, max_pixels, file_.name);
    const J_COLOR_SPACE colors = jpeg_.jpeg_color_space;
    if (colors != JCS_GRAYSCALE && colors != JCS_YCbCr && colors != JCS_RGB) {
      throw UnsupportedError(file_.name + ": a JPEG file with " +
                             std::to_string(jpeg_.num_components) +
                             " components that are neither gray nor RGB (CMYK, for example), " +
                             "which cannot be kept; convert it to RGB");
    }
    header_.shape = {colors == JCS_GRAYSCALE ? 1 : 3, static_cast<int>(jpeg_.image_height),
                     static_cast<int>(jpeg_.image_width)};
  }

  // Keeps what segments say that PNG could say too, and lists the others.
  void collect_metadata(ImageFile* file) {
    const auto drop = [file](const std::string& what) {
      auto& dropped = file->dropped;
      if (std::find(dropped.begin(), dropped.end(), what) == dropped.end()) dropped.push_back(what);
    };
    Metadata& metadata = file->metadata;
    collect_profile(file);
    bool exif = false, xmp = false;
    for (auto* marker = jpeg_.marker_list; marker != nullptr; marker = marker->next) {
      const auto rest_of = [marker](const std::string& name) -> std::optional<Bytes> {
        const std::size_t size = name.size();
        if (marker->data_length < size || std::memcmp(marker->data, name.data(), size) != 0) {
          return std::nullopt;
        }
        return Bytes(marker->data + size, marker->data + marker->data_length);
      };
      if (marker->marker == JPEG_COM) {
        metadata.push_back(comment_item(*rest_of("")));
      } else if (const auto block = rest_of({"Exif\0", 5}); block && !exif && block->size() > 1) {
        exif = true;
        metadata.push_back(exif_item({block->begin() + 1, block->end()}));
      } else if (const auto packet = rest_of({"http://ns.adobe.com/xap/1.0/\0", 29});
                 packet && !xmp) {
        xmp = true;
        metadata.push_back(xmp_item(*packet));
      } else if (!rest_of({"ICC_PROFILE\0", 12})) {
        drop("segment APP" + std::to_string(marker->marker - JPEG_APP0));
      }
    }
    collect_density(metadata);
  }

  void collect_profile(ImageFile* file) {
    JOCTET* profile = nullptr;
    unsigned size = 0;
    bool sound = false;
    const bool read = guarded(&failure_, [this, &profile, &size, &sound] {
      sound = jpeg_read_icc_profile(&jpeg_, &profile, &size) != FALSE;
    });
    const std::unique_ptr<JOCTET, decltype(&std::free)> owner(profile, std::free);
    if (read && sound) file->metadata.push_back(icc_profile_item(Bytes(profile, profile + size)));
    const auto is_profile = [](const jpeg_marker_struct* marker) {
      return marker->data_length >= 12 && std::memcmp(marker->data, "ICC_PROFILE", 12) == 0;
    };
    for (auto* marker = jpeg_.marker_list; marker != nullptr && !sound; marker = marker->next) {
      if (is_profile(marker)) return file->dropped.push_back("incomplete ICC profile");
    }
  }

  void collect_density(Metadata& metadata) const {
    constexpr int kRatio = 0, kPerInch = 1, kPerCentimetre = 2;
    const std::uint32_t x = jpeg_.X_density, y = jpeg_.Y_density;
    const int unit = jpeg_.density_unit;
    if (jpeg_.saw_JFIF_marker == FALSE || x == 0 || y == 0) return;
    if (unit == kRatio && x != y) metadata.push_back(density_item(x, y, false));
    const auto from_inches = [](std::uint32_t n) { return (n * 10000 + 127) / 254; };
    if (unit == kPerInch) metadata.push_back(density_item(from_inches(x), from_inches(y), true));
    if (unit == kPerCentimetre) metadata.push_back(density_item(100 * x, 100 * y, true));
  }

  [[noreturn]] void fail() const {
    switch (failure_.manager.msg_code) {
      case JERR_OUT_OF_MEMORY:
        throw std::bad_alloc();
      case JERR_INPUT_EOF:
        throw TruncatedError(file_.name + ": the JPEG file ends early");
      case kTooManyScans:
        throw UnsupportedError(file_.name + ": a JPEG file of more than " +
                               std::to_string(kMostScans) + " scans; convert it to PNG");
      case kTooManySegments:
        throw UnsupportedError(file_.name + ": a JPEG file of more than " +
                               std::to_string(kMostSegments) + " segments; convert it to PNG");
      case JERR_ARITH_NOTIMPL:
      case JERR_BAD_PRECISION:
      case JERR_CCIR601_NOTIMPL:
      case JERR_COMPONENT_COUNT:
      case JERR_CONVERSION_NOTIMPL:
      case JERR_FRACT_SAMPLE_NOTIMPL:
      case JERR_IMAGE_TOO_BIG:
      case JERR_NOT_COMPILED:
      case JERR_SOF_UNSUPPORTED:
        throw UnsupportedError(file_.name + ": a JPEG file of a kind that cannot be read (" +
                               failure_.message + "); convert it to PNG");
      default:
        throw DamagedError(file_.name + ": the JPEG file is damaged (" + failure_.message + ")");
    }
  }

  // Segments of applications but for the first, JFIF's, and the one that says how colours are
  // stored: libjpeg reads these.
  static constexpr int kFirst = JPEG_APP0 + 1, kLast = JPEG_APP0 + 15, kAdobe = JPEG_APP0 + 14;
  static constexpr unsigned kWhole = 0xffff;

  FileView file_;
  Failure failure_{};
  Input input_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct jpeg_{};
  ImageHeader header_;
};

// Takes what libjpeg writes, a buffer at a time.
struct Output {
  jpeg_destination_mgr manager;  // the first member, see Failure
  Bytes* file;
  std::uint8_t buffer[1 << 12];
};

// Appends `count` bytes of the buffer and empties it.
void take_output(j_compress_ptr jpeg, std::size_t count) {
  Output* output = reinterpret_cast<Output*>(jpeg->dest);
  bool appended = true;
  try {
    output->file->insert(output->file->end(), output->buffer, output->buffer + count);
  } catch (const std::bad_alloc&) {
    appended = false;  // no exception may pass through libjpeg, and no jump leave a handler
  }
  if (!appended) ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
  output->manager.next_output_byte = output->buffer;
  output->manager.free_in_buffer = sizeof output->buffer;
}

}  // namespace

bool is_jpeg(const FileView& file) { return file.starts_with("\xff\xd8", 2); }

ImageHeader probe_jpeg(const FileView& file, std::uint64_t max_pixels) {
  return Reader(file, max_pixels).header();
}

ImageFile decode_jpeg(const FileView& file, std::uint64_t max_pixels) {
  return Reader(file, max_pixels).decode();
}

Bytes encode_jpeg(const Image& image, int quality) {
  const Shape& g = image.shape;
  if ((g.channels != 1 && g.channels != 3) || image.bits != 8 ||
      std::max(g.width, g.height) > JPEG_MAX_DIMENSION) {
    throw UsageError("JPEG cannot hold " + to_string(g) + " of " + std::to_string(image.bits) +
                     " bits; write PNG instead");
  }
  Failure failure{};
  jpeg_compress_struct jpeg{};
  set_handlers(&failure, &jpeg.err);
  Bytes file;
  Output output{};
  output.file = &file;
  output.manager.init_destination = [](j_compress_ptr to) { take_output(to, 0); };
  output.manager.empty_output_buffer = [](j_compress_ptr to) -> boolean {
    take_output(to, sizeof Output::buffer);
    return TRUE;
  };
  output.manager.term_destination = [](j_compress_ptr to) {
    take_output(to, sizeof Output::buffer - to->dest->free_in_buffer);
  };
  const bool written = guarded(&failure, [&jpeg, &output, &image, quality] {
    jpeg_create_compress(&jpeg);
    jpeg.dest = &output.manager;
    jpeg.image_width = static_cast<JDIMENSION>(image.shape.width);
    jpeg.image_height = static_cast<JDIMENSION>(image.shape.height);
    jpeg.input_components = static_cast<int>(image.shape.channels);
    jpeg.in_color_space = image.shape.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    if (quality > 90) jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
    jpeg.optimize_coding = TRUE;
    jpeg_start_compress(&jpeg, TRUE);
    const std::size_t row = image.row_bytes();
    while (jpeg.next_scanline < jpeg.image_height) {
      JSAMPROW samples = const_cast<JSAMPROW>(image.samples.data() + jpeg.next_scanline * row);
      jpeg_write_scanlines(&jpeg, &samples, 1);
    }
    jpeg_finish_compress(&jpeg);
  });
  jpeg_destroy_compress(&jpeg);
  if (!written) {
    throw OperationError(std::string("a JPEG image cannot be encoded: ") + failure.message);
  }
  return file;
}

}  // namespace pie

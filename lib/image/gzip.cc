#include "lib/image/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "lib/base/error.h"

namespace pie {
namespace {

// A zlib stream in gzip mode over one buffer.
class Inflater {
 public:
  Inflater(const std::uint8_t* data, std::size_t size) : left_(size) {
    stream_.next_in = const_cast<Bytef*>(data);  // zlib's interface predates const; it only reads
    constexpr int kGzipOnly = 16;
    usable_ = inflateInit2(&stream_, MAX_WBITS + kGzipOnly) == Z_OK;
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Fills up to `size` bytes of `to`; `produced` is how many there were. Returns zlib's verdict.
  int run(std::uint8_t* to, std::size_t size, std::size_t* produced) {
    *produced = 0;
    if (!usable_) return Z_MEM_ERROR;
    int status = Z_OK;
    while (*produced < size && status == Z_OK) {
      const uInt in = clamp_size(left_);
      const uInt out = clamp_size(size - *produced);
      stream_.avail_in = in;
      stream_.next_out = to + *produced;
      stream_.avail_out = out;
      status = inflate(&stream_, Z_NO_FLUSH);
      left_ -= in - stream_.avail_in;
      *produced += out - stream_.avail_out;
    }
    return status;
  }

  bool next_member() {
    return left_ > 0 && is_gzip(stream_.next_in, left_) && inflateReset(&stream_) == Z_OK;
  }
  std::size_t left() const { return left_; }

 private:
  // zlib counts in 32 bits.
  static uInt clamp_size(std::size_t size) {
    return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
  }

  z_stream stream_ = {};
  std::size_t left_;
  bool usable_ = false;
};

}  // namespace

bool is_gzip(const std::uint8_t* data, std::size_t size) {
  return size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
}

Bytes gunzip_prefix(const std::uint8_t* data, std::size_t size, std::size_t count) {
  Bytes result(count);
  std::size_t produced = 0;
  Inflater inflater(data, size);
  inflater.run(result.data(), count, &produced);
  result.resize(produced);
  return result;
}

Bytes gunzip(const std::uint8_t* data, std::size_t size, const std::string& name,
             std::uint64_t max_bytes) {
  constexpr std::uint64_t kChunk = 1 << 16;
  // Enough for data that compresses like photographs and digits do; what is really denser grows.
  constexpr std::uint64_t kUsualRatio = 8;
  Bytes result;
  result.reserve(std::min(max_bytes, kUsualRatio * size) + kChunk);
  std::size_t filled = 0;
  Inflater inflater(data, size);
  for (;;) {
    result.resize(filled + kChunk);
    std::size_t produced = 0;
    const int status = inflater.run(result.data() + filled, kChunk, &produced);
    filled += produced;
    if (filled > max_bytes) {
      throw DamagedError(name + ": the gzip data holds more than the " + std::to_string(max_bytes) +
                         " bytes that its header promises");
    }
    if (status == Z_OK) continue;
    if (status == Z_BUF_ERROR) {
      throw TruncatedError(name + ": the gzip data ends early; is the download complete?");
    }
    if (status == Z_MEM_ERROR) throw OperationError(name + ": out of memory for decompression");
    if (status != Z_STREAM_END) {
      throw DamagedError(name + ": the gzip data is damaged");
    }
    if (inflater.left() == 0) break;
    if (!inflater.next_member()) {
      throw DamagedError(name + ": the gzip data is followed by " +
                         std::to_string(inflater.left()) + " other bytes");
    }
  }
  result.resize(filled);
  return result;
}

}  // namespace pie

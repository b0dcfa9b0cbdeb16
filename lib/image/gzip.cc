#include "lib/image/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::uint64_t kPiece = 1 << 16;

}  // namespace

bool is_gzip(const std::uint8_t* data, std::size_t size) {
  return size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
}

// A zlib stream in gzip mode over one input.
struct GzipStream::State {
  explicit State(const Input& in) : input(in) {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream, MAX_WBITS + kGzipOnly) != Z_OK) {
      throw OperationError(input.name() + ": out of memory for decompression");
    }
  }
  ~State() { inflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void refill() {
    if (stream.avail_in > 0) return;
    piece = input.read(offset, kPiece);
    offset += piece.size();
    stream.next_in = piece.data();
    stream.avail_in = static_cast<uInt>(piece.size());
  }

  // Fills up to `count` bytes of `to` and returns how many there were.
  std::size_t run(std::uint8_t* to, std::size_t count) {
    stream.next_out = to;
    stream.avail_out = static_cast<uInt>(count);
    while (stream.avail_out > 0 && !ended) {
      refill();
      const int status = inflate(&stream, Z_NO_FLUSH);
      if (status == Z_BUF_ERROR) {
        throw TruncatedError(input.name() +
                             ": the gzip data ends early; is the download complete?");
      }
      if (status == Z_MEM_ERROR) {
        throw OperationError(input.name() + ": out of memory for decompression");
      }
      if (status == Z_STREAM_END) {
        end_member();
      } else if (status != Z_OK) {
        throw DamagedError(input.name() + ": the gzip data is damaged");
      }
    }
    return count - stream.avail_out;
  }

  // Behind a member, whose checksum was right, there may be another one, and nothing else.
  void end_member() {
    refill();
    if (stream.avail_in == 0) {
      ended = true;
      return;
    }
    const std::uint64_t left = stream.avail_in + (input.size() - offset);
    const Bytes next = input.read(input.size() - left, 2);
    if (!is_gzip(next.data(), next.size()) || inflateReset(&stream) != Z_OK) {
      throw DamagedError(input.name() + ": the gzip data is followed by " + std::to_string(left) +
                         " other bytes");
    }
  }

  Input input;
  std::uint64_t offset = 0;  // behind `piece`
  Bytes piece;
  z_stream stream = {};
  bool ended = false;
};

GzipStream::GzipStream(const Input& input) : state_(std::make_unique<State>(input)) {}
GzipStream::~GzipStream() = default;
GzipStream::GzipStream(GzipStream&&) noexcept = default;
GzipStream& GzipStream::operator=(GzipStream&&) noexcept = default;

Bytes GzipStream::read(std::uint64_t count) {
  // Memory grows with what is really there, whatever a header has promised.
  Bytes bytes;
  while (bytes.size() < count) {
    const std::size_t filled = bytes.size();
    const auto wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>(count - filled, std::max<std::uint64_t>(kPiece, filled)));
    bytes.resize(filled + wanted);
    const std::size_t got = state_->run(bytes.data() + filled, wanted);
    bytes.resize(filled + got);
    if (got < wanted) break;
  }
  return bytes;
}

struct GzipWriter::State {
  explicit State(Sink to) : sink(std::move(to)) {
    constexpr int kGzip = 16, kMemory = 8;
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzip, kMemory,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~State() { deflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void run(const Bytes& bytes, int flush) {
    stream.next_in = const_cast<Bytef*>(bytes.data());  // zlib only reads it
    stream.avail_in = static_cast<uInt>(bytes.size());
    Bytes piece(kPiece);
    do {
      stream.next_out = piece.data();
      stream.avail_out = static_cast<uInt>(piece.size());
      deflate(&stream, flush);
      const std::size_t filled = piece.size() - stream.avail_out;
      if (filled > 0) sink({piece.data(), filled});
    } while (stream.avail_out == 0);
  }

  Sink sink;
  z_stream stream = {};
};

GzipWriter::GzipWriter(Sink sink) : state_(std::make_unique<State>(std::move(sink))) {}
GzipWriter::~GzipWriter() = default;

void GzipWriter::write(const Bytes& bytes) { state_->run(bytes, Z_NO_FLUSH); }
void GzipWriter::finish() { state_->run({}, Z_FINISH); }

Bytes gzip_file(const Bytes& bytes) {
  Bytes zipped;
  GzipWriter writer(
      [&](ByteSpan piece) { zipped.insert(zipped.end(), piece.data, piece.data + piece.size); });
  writer.write(bytes);
  writer.finish();
  return zipped;
}

Bytes gunzip_prefix(const Input& input, std::size_t count) {
  Bytes prefix;
  try {
    GzipStream stream(input);
    while (prefix.size() < count) {
      const Bytes next = stream.read(1);
      if (next.empty()) break;
      prefix.push_back(next[0]);
    }
  } catch (const DamagedError&) {
  }
  return prefix;
}

}  // namespace pie

#include "lib/image/idx.h"

#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/image/gzip.h"
#include "lib/image/image_file.h"

namespace pie {
namespace {

constexpr std::uint8_t kUnsignedByte = 0x08;
constexpr std::size_t kMaxRank = 4;

std::uint32_t read_u32(const std::uint8_t* p) {
  return static_cast<std::uint32_t>(p[0]) << 24 | static_cast<std::uint32_t>(p[1]) << 16 |
         static_cast<std::uint32_t>(p[2]) << 8 | static_cast<std::uint32_t>(p[3]);
}

void append_u32(Bytes* out, std::size_t value) {
  if (value > std::numeric_limits<std::uint32_t>::max()) {
    throw UsageError("an IDX file cannot hold " + std::to_string(value) + " items");
  }
  for (int shift = 24; shift >= 0; shift -= 8) {
    out->push_back(static_cast<std::uint8_t>(value >> shift & 255));
  }
}

void append_header(Bytes* out, const std::vector<std::size_t>& dimensions) {
  out->insert(out->end(), {0, 0, kUnsignedByte, static_cast<std::uint8_t>(dimensions.size())});
  for (const std::size_t d : dimensions) append_u32(out, d);
}

struct Header {
  std::vector<std::uint32_t> dimensions;
  std::size_t bytes = 0;      // of the header
  std::uint64_t payload = 0;  // bytes that follow it
};

std::string shape_text(const std::vector<std::uint32_t>& dimensions) {
  std::string text;
  for (const std::uint32_t d : dimensions) text += (text.empty() ? "" : "x") + std::to_string(d);
  return text;
}

// Parses the header at the start of uncompressed IDX data.
Header parse_header(const Bytes& data, const std::string& name) {
  if (data.size() < 4) throw TruncatedError(name + ": an IDX file cannot be this short");
  if (data[0] != 0 || data[1] != 0) throw DamagedError(name + ": not an IDX file");
  if (data[2] != kUnsignedByte) {
    throw UnsupportedError(name + ": an IDX file of type " + std::to_string(data[2]) +
                           "; only unsigned bytes (type 8) are images or labels here");
  }
  const std::size_t rank = data[3];
  if (rank == 0 || rank > kMaxRank) {
    throw UnsupportedError(name + ": an IDX file with " + std::to_string(rank) +
                           " dimensions; images have 3 or 4, labels 1");
  }
  Header header;
  header.bytes = 4 + 4 * rank;
  if (data.size() < header.bytes) throw TruncatedError(name + ": the IDX header ends early");
  header.payload = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::uint32_t d = read_u32(data.data() + 4 + 4 * i);
    header.dimensions.push_back(d);
    // No file has 2^62 bytes: stop there, well before the product could overflow.
    constexpr std::uint64_t kLimit = std::uint64_t{1} << 62;
    if (d != 0 && header.payload > kLimit / d) {
      throw DamagedError(name + ": the IDX header promises an impossible number of bytes");
    }
    header.payload *= d;
  }
  return header;
}

// What an IDX file holds: `content` is uncompressed, header included, and as long as promised.
struct Parsed {
  Header header;
  Bytes content;
};

Parsed parse(const Bytes& file, const std::string& name) {
  Parsed parsed;
  if (is_gzip(file.data(), file.size())) {
    // Where even the header is short, all there is may come: it is judged below.
    const Bytes start = gunzip_prefix(file.data(), file.size(), 4 + 4 * kMaxRank);
    std::uint64_t limit = start.size();
    if (start.size() == 4 + 4 * kMaxRank) {
      const Header header = parse_header(start, name);
      limit = header.bytes + header.payload;
    }
    parsed.content = gunzip(file.data(), file.size(), name, limit);
  } else {
    parsed.content = file;
  }
  parsed.header = parse_header(parsed.content, name);
  const std::uint64_t expected = parsed.header.bytes + parsed.header.payload;
  const std::string promise =
      ": the IDX header promises " + shape_text(parsed.header.dimensions) + " bytes, ";
  if (parsed.content.size() < expected) {
    throw TruncatedError(name + promise + "but only " +
                         std::to_string(parsed.content.size() - parsed.header.bytes) +
                         " follow; is the file complete?");
  }
  if (parsed.content.size() > expected) {
    throw DamagedError(name + promise + "but " +
                       std::to_string(parsed.content.size() - parsed.header.bytes) + " follow");
  }
  return parsed;
}

Bytes payload(Parsed&& parsed) {
  parsed.content.erase(parsed.content.begin(),
                       parsed.content.begin() + static_cast<std::ptrdiff_t>(parsed.header.bytes));
  return std::move(parsed.content);
}

}  // namespace

bool is_idx(const std::uint8_t* data, std::size_t size) {
  Bytes start(data, data + (size < 4 ? size : 4));
  if (is_gzip(data, size)) start = gunzip_prefix(data, size, 4);
  // The known types are 0x08 (bytes) to 0x0E (double): naming a foreign one is better than calling
  // the file an unknown image.
  return start.size() == 4 && start[0] == 0 && start[1] == 0 && start[2] >= 0x08 &&
         start[2] <= 0x0E && start[3] >= 1 && start[3] <= kMaxRank;
}

ImageSet decode_idx_images(const Bytes& file, const std::string& name) {
  Parsed parsed = parse(file, name);
  const std::vector<std::uint32_t>& d = parsed.header.dimensions;
  const std::string shape = shape_text(d);
  if (d.size() < 3) {
    throw UnsupportedError(name + ": holds " + (d.size() == 1 ? "labels" : "a table") + " (" +
                           shape + "), not images");
  }
  const std::uint32_t channels = d.size() == 4 ? d[1] : 1;
  const std::uint32_t height = d[d.size() - 2];
  const std::uint32_t width = d[d.size() - 1];
  if (channels < 1 || channels > 4) {
    throw UnsupportedError(name + ": has the shape " + shape +
                           "; four dimensions are images, channels (1 to 4), height, width");
  }
  constexpr std::uint32_t kSide = kMaxSide;
  if (height < 1 || width < 1 || height > kSide || width > kSide) {
    throw DamagedError(name + ": has the shape " + shape + ", which images cannot have");
  }
  const Geometry geometry{static_cast<int>(channels), static_cast<int>(height),
                          static_cast<int>(width)};
  return ImageSet(geometry, payload(std::move(parsed)));
}

Bytes decode_idx_labels(const Bytes& file, const std::string& name) {
  Parsed parsed = parse(file, name);
  if (parsed.header.dimensions.size() != 1) {
    throw UnsupportedError(name + ": has the shape " + shape_text(parsed.header.dimensions) +
                           "; labels have one dimension");
  }
  return payload(std::move(parsed));
}

ImageSet read_idx_images(const std::string& path) {
  return decode_idx_images(read_file(path), input_name(path));
}

Bytes read_idx_labels(const std::string& path) {
  return decode_idx_labels(read_file(path), input_name(path));
}

Bytes encode_idx_images(const ImageSet& images) {
  const Geometry& g = images.geometry();
  std::vector<std::size_t> dimensions{images.size()};
  if (g.channels != 1) dimensions.push_back(static_cast<std::size_t>(g.channels));
  dimensions.push_back(static_cast<std::size_t>(g.height));
  dimensions.push_back(static_cast<std::size_t>(g.width));
  Bytes file;
  file.reserve(4 + 4 * kMaxRank + images.pixels().size());
  append_header(&file, dimensions);
  file.insert(file.end(), images.pixels().begin(), images.pixels().end());
  return file;
}

Bytes encode_idx_labels(const Bytes& labels) {
  Bytes file;
  file.reserve(8 + labels.size());
  append_header(&file, {labels.size()});
  file.insert(file.end(), labels.begin(), labels.end());
  return file;
}

std::optional<std::string> sibling_labels(const std::string& path) {
  const std::size_t name_start = path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1;
  const std::size_t images = path.rfind("images");
  if (images == std::string::npos || images < name_start) return std::nullopt;
  std::string labels = path;
  labels.replace(images, 6, "labels");
  for (const char* rank : {"idx3", "idx4"}) {
    const std::size_t at = labels.find(rank, images);
    if (at != std::string::npos) {
      labels.replace(at, 4, "idx1");
      break;
    }
  }
  const bool zipped = labels.size() > 3 && labels.compare(labels.size() - 3, 3, ".gz") == 0;
  const std::string other = zipped ? labels.substr(0, labels.size() - 3) : labels + ".gz";
  std::error_code ignored;
  for (const std::string& candidate : {labels, other}) {
    if (std::filesystem::is_regular_file(candidate, ignored)) return candidate;
  }
  return std::nullopt;
}

}  // namespace pie

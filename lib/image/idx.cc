#include "lib/image/idx.h"

#include <algorithm>
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

bool is_compressed(const Input& input) {
  const Bytes start = input.beginning(2);
  return is_gzip(start.data(), start.size());
}

// The first bytes of the uncompressed data.
Bytes first_bytes(const Input& input, std::size_t count) {
  return is_compressed(input) ? gunzip_prefix(input, count) : input.beginning(count);
}

std::string shape_text(const std::vector<std::uint32_t>& dimensions) {
  std::string text;
  for (const std::uint32_t d : dimensions) text += (text.empty() ? "" : "x") + std::to_string(d);
  return text;
}

// The items of an IDX file of bytes, such as images or labels, from any of them on.
class IdxFile {
 public:
  explicit IdxFile(const Input& input) : input_(input), compressed_(is_compressed(input)) {
    parse_header(first_bytes(input, 4 + 4 * kMaxRank));
    if (!compressed_) check_length(input.size() - header_bytes_);
  }

  const std::vector<std::uint32_t>& dimensions() const { return dimensions_; }
  std::string shape() const { return shape_text(dimensions_); }
  std::uint64_t items() const { return dimensions_[0]; }

  Bytes read(std::uint64_t begin, std::uint64_t end) {
    const std::uint64_t offset = begin * item_bytes_, count = (end - begin) * item_bytes_;
    Bytes bytes =
        compressed_ ? read_compressed(offset, count) : input_.read(header_bytes_ + offset, count);
    if (bytes.size() < count) check_length(offset + bytes.size());
    // What follows the last item shows only there.
    if (compressed_ && end == items()) check_length(offset + count + stream_->read(1).size());
    return bytes;
  }

 private:
  void parse_header(const Bytes& data) {
    const std::string name = input_.name();
    // Whether that is because the compressed data is damaged, reading on tells.
    const auto too_short = [&](const char* what) {
      if (compressed_) GzipStream(input_).read(4 + 4 * kMaxRank);
      throw TruncatedError(name + what);
    };
    if (data.size() < 4) too_short(": an IDX file cannot be this short");
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
    header_bytes_ = 4 + 4 * rank;
    if (data.size() < header_bytes_) too_short(": the IDX header ends early");
    std::uint64_t all = 1;
    for (std::size_t i = 0; i < rank; ++i) {
      const std::uint32_t d = read_u32(data.data() + 4 + 4 * i);
      dimensions_.push_back(d);
      // No file has 2^62 bytes: stop there, well before the product could overflow.
      constexpr std::uint64_t kLimit = std::uint64_t{1} << 62;
      if (d != 0 && all > kLimit / d) {
        throw DamagedError(name + ": the IDX header promises an impossible number of bytes");
      }
      all *= d;
      if (i > 0) item_bytes_ *= d;
    }
  }

  // Throws unless `found` bytes are what the header promises.
  void check_length(std::uint64_t found) const {
    const std::uint64_t promised = items() * item_bytes_;
    const std::string promise = input_.name() + ": the IDX header promises " + shape() + " bytes, ";
    if (found < promised) {
      throw TruncatedError(promise + "but only " + std::to_string(found) +
                           " follow; is the file complete?");
    }
    if (found > promised) throw DamagedError(promise + "but more follow");
  }

  Bytes read_compressed(std::uint64_t offset, std::uint64_t count) {
    constexpr std::uint64_t kSkip = 1 << 20;
    const std::uint64_t target = header_bytes_ + offset;
    if (!stream_ || target < position_) {
      stream_.emplace(input_);
      position_ = 0;
    }
    while (position_ < target) {
      const Bytes passed = stream_->read(std::min(kSkip, target - position_));
      if (passed.empty()) check_length(position_ - std::min(position_, header_bytes_));
      position_ += passed.size();
    }
    Bytes bytes = stream_->read(count);
    position_ += bytes.size();
    return bytes;
  }

  Input input_;
  bool compressed_;
  std::vector<std::uint32_t> dimensions_;
  std::uint64_t header_bytes_ = 0, item_bytes_ = 1;
  std::optional<GzipStream> stream_;
  std::uint64_t position_ = 0;  // in the uncompressed data
};

class IdxImages final : public Archive {
 public:
  IdxImages(IdxFile file, const Shape& shape)
      : Archive(shape, static_cast<std::size_t>(file.items())), file_(std::move(file)) {}

  ImageSet read(std::size_t begin, std::size_t end) override {
    return ImageSet(shape(), file_.read(begin, end));
  }

 private:
  IdxFile file_;
};

}  // namespace

bool is_idx(const Input& input) {
  const Bytes start = first_bytes(input, 4);
  // The known types are 0x08 (bytes) to 0x0E (double): naming a foreign one is better than calling
  // the file an unknown image.
  return start.size() == 4 && start[0] == 0 && start[1] == 0 && start[2] >= 0x08 &&
         start[2] <= 0x0E && start[3] >= 1 && start[3] <= kMaxRank;
}

std::unique_ptr<Archive> open_idx_images(const Input& input) {
  IdxFile file(input);
  const std::vector<std::uint32_t>& d = file.dimensions();
  const std::string named = input.name() + ": ";
  if (d.size() < 3) {
    throw UnsupportedError(named + "holds " + (d.size() == 1 ? "labels" : "a table") + " (" +
                           file.shape() + "), not images");
  }
  const Shape shape{d.size() == 4 ? d[1] : 1, d[d.size() - 2], d[d.size() - 1]};
  if (shape.channels < 1 || shape.channels > 4) {
    throw UnsupportedError(named + "has the shape " + file.shape() +
                           "; four dimensions are images, channels (1 to 4), height, width");
  }
  if (shape.height < 1 || shape.width < 1 || shape.height > kMaxSide || shape.width > kMaxSide) {
    throw DamagedError(named + "has the shape " + file.shape() + ", which images cannot have");
  }
  return std::make_unique<IdxImages>(std::move(file), shape);
}

ImageSet read_idx_images(const Input& input) {
  const auto archive = open_idx_images(input);
  return archive->read(0, archive->size());
}

Bytes read_idx_labels(const Input& input) {
  IdxFile file(input);
  if (file.dimensions().size() != 1) {
    throw UnsupportedError(input.name() + ": has the shape " + file.shape() +
                           "; labels have one dimension");
  }
  return file.read(0, file.items());
}

Bytes idx_header(const Shape& shape, std::size_t count) {
  if (count > std::numeric_limits<std::uint32_t>::max()) {
    throw UsageError("an IDX file cannot hold " + std::to_string(count) + " items");
  }
  std::vector<std::uint32_t> dimensions{static_cast<std::uint32_t>(count)};
  if (shape.channels != 1) dimensions.push_back(static_cast<std::uint32_t>(shape.channels));
  dimensions.push_back(static_cast<std::uint32_t>(shape.height));
  dimensions.push_back(static_cast<std::uint32_t>(shape.width));
  Bytes header{0, 0, kUnsignedByte, static_cast<std::uint8_t>(dimensions.size())};
  for (const std::uint32_t d : dimensions) {
    for (int at = 24; at >= 0; at -= 8) header.push_back(static_cast<std::uint8_t>(d >> at & 255));
  }
  return header;
}

Bytes encode_idx_images(const ImageSet& images) {
  Bytes file = idx_header(images.shape(), images.size());
  file.insert(file.end(), images.pixels().begin(), images.pixels().end());
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

#include "lib/image/exif.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/error.h"
#include "lib/image/metadata.h"

namespace pie {
namespace {

constexpr std::uint16_t kCamera = 0x8769, kGps = 0x8825, kInterchange = 0xA005;  // directories

bool is_directory(std::uint16_t id) { return id == kCamera || id == kGps || id == kInterchange; }

bool is_of_any_image(std::uint16_t id) {
  constexpr std::array<std::uint16_t, 10> kIds{0x010E, 0x010F,  0x0110,  // description, make, model
                                               0x0112,                   // orientation
                                               0x0131, 0x0132,  0x013B,  // software, time, artist
                                               0x8298, kCamera, kGps};   // copyright
  return std::find(kIds.begin(), kIds.end(), id) != kIds.end();
}

// Bytes of a value; 0 for types that are only in TIFF files of 64 bits, or none.
std::size_t bytes_of(std::size_t type) {
  constexpr std::array<std::size_t, 14> kBytes{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4};
  return type < kBytes.size() ? kBytes.at(type) : 0;
}

class Reader {
 public:
  explicit Reader(const FileView& file)
      : file_(file), big_(file.u8(0) == 'M'), wide_(int_at(2, 2) == kWideMagic) {}

  Exif read() {
    if (!file_.starts_with("II", 2) && !file_.starts_with("MM", 2)) throw damaged("no byte order");
    Exif exif;
    exif.big_endian = big_;
    exif.tags = directory(static_cast<std::size_t>(wide_ ? int_at(8, 8) : int_at(4, 4)), 0);
    return exif;
  }

 private:
  static constexpr std::size_t kWideMagic = 43;  // of TIFF files with offsets of 64 bits
  static constexpr int kDeepest = 2;

  std::uint64_t int_at(std::size_t at, std::size_t count) const {
    const std::uint8_t* from = file_.bytes(at, count);
    std::uint64_t value = 0;
    for (std::size_t k = 0; k < count; ++k) value = value << 8 | from[big_ ? k : count - 1 - k];
    return value;
  }

  std::vector<ExifTag> directory(std::size_t at, int depth) {
    if (depth > kDeepest) throw damaged("directories in directories");
    const std::size_t word = wide_ ? 8 : 4, entry = 4 + 2 * word, number = wide_ ? 8 : 2;
    const auto count = static_cast<std::size_t>(int_at(at, number));
    at += number;
    constexpr std::size_t kMostTags = 65535;
    if (count > kMostTags) throw damaged("too many tags");
    file_.bytes(at, count * entry);
    take(count * entry);
    std::vector<ExifTag> tags;
    for (std::size_t i = 0; i < count; ++i, at += entry) {
      ExifTag tag;
      tag.id = static_cast<std::uint16_t>(int_at(at, 2));
      tag.type = static_cast<std::uint16_t>(int_at(at + 2, 2));
      if (depth == 0 && !is_of_any_image(tag.id)) continue;
      const std::uint64_t values = int_at(at + 4, word);
      if (is_directory(tag.id)) {
        constexpr std::uint16_t kLong = 4;
        tag.type = kLong;
        tag.count = 1;
        tag.below = directory(static_cast<std::size_t>(int_at(at + 4 + word, word)), depth + 1);
        if (!tag.below.empty()) tags.push_back(std::move(tag));
        continue;
      }
      const std::uint64_t each = bytes_of(tag.type);
      if (each == 0 || values == 0) continue;
      if (values > file_.size) throw TruncatedError(file_.name + ": an Exif tag ends early");
      const auto size = static_cast<std::size_t>(values * each);
      take(size);
      const std::size_t value_at =
          size <= word ? at + 4 + word : static_cast<std::size_t>(int_at(at + 4 + word, word));
      const std::uint8_t* from = file_.bytes(value_at, size);
      tag.count = static_cast<std::uint32_t>(values);
      tag.value.assign(from, from + size);
      tags.push_back(std::move(tag));
    }
    return tags;
  }

  // Several tags may name the same bytes.
  void take(std::size_t bytes) {
    taken_ += bytes;
    if (taken_ > kMostMetadata) throw damaged("more than there is room for");
  }

  DamagedError damaged(const std::string& cause) const {
    return DamagedError(file_.name + ": the Exif block is damaged (" + cause + ")");
  }

  const FileView& file_;
  bool big_, wide_;
  std::size_t taken_ = 0;
};

class Writer {
 public:
  Writer(bool big_endian, std::size_t at) : big_(big_endian), at_(at) {}

  void directory(const std::vector<ExifTag>& tags) {
    append(tags.size(), 2);
    std::size_t entry = out_.size();
    constexpr std::size_t kEntry = 12, kInline = 4;
    out_.resize(out_.size() + kEntry * tags.size() + 4);  // no further directory
    for (const ExifTag& tag : tags) {
      put(entry, tag.id, 2);
      put(entry + 2, tag.type, 2);
      put(entry + 4, tag.count, 4);
      if (tag.below.empty() && tag.value.size() <= kInline) {
        std::copy(tag.value.begin(), tag.value.end(),
                  out_.begin() + static_cast<std::ptrdiff_t>(entry + 8));
      } else {
        if (out_.size() % 2 != 0) out_.push_back(0);
        put(entry + 8, at_ + out_.size(), 4);
        out_.insert(out_.end(), tag.value.begin(), tag.value.end());
        if (!tag.below.empty()) directory(tag.below);
      }
      entry += kEntry;
    }
  }

  Bytes take() {
    if (out_.size() % 2 != 0) out_.push_back(0);
    return std::move(out_);
  }

 private:
  void append(std::size_t value, std::size_t count) {
    out_.resize(out_.size() + count);
    put(out_.size() - count, value, count);
  }
  void put(std::size_t at, std::size_t value, std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
      out_[at + (big_ ? count - 1 - k : k)] = static_cast<std::uint8_t>(value >> (8 * k));
    }
  }

  bool big_;
  std::size_t at_;
  Bytes out_;
};

}  // namespace

Exif read_exif(const FileView& file) { return Reader(file).read(); }

Bytes exif_directory(const Exif& exif, std::size_t at) {
  Writer writer(exif.big_endian, at);
  writer.directory(exif.tags);
  return writer.take();
}

Bytes exif_block(const Exif& exif) {
  Bytes block =
      exif.big_endian ? Bytes{'M', 'M', 0, 42, 0, 0, 0, 8} : Bytes{'I', 'I', 42, 0, 8, 0, 0, 0};
  const Bytes directory = exif_directory(exif, block.size());
  block.insert(block.end(), directory.begin(), directory.end());
  return block;
}

}  // namespace pie

#include "lib/image/netpbm.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lib/base/error.h"

namespace pie {
namespace {

std::int64_t full_range(int bits) { return (std::int64_t{1} << bits) - 1; }

// sample * to / from, to the nearest: all different for samples up to `from` if it is not above
// `to`.
std::int64_t scaled(std::int64_t sample, std::int64_t from, std::int64_t to) {
  return (2 * sample * to + from) / (2 * from);
}

// Calls change(sample) for each sample and stores what it returns.
template <typename Change>
void change_samples(Image& image, const Change& change) {
  Bytes& samples = image.samples;
  if (image.bits == 8) {
    for (auto& sample : samples) sample = static_cast<std::uint8_t>(change(std::int64_t{sample}));
    return;
  }
  for (std::size_t i = 0; i + 1 < samples.size(); i += 2) {
    const std::int64_t value = change(std::int64_t{samples[i]} * 256 + samples[i + 1]);
    samples[i] = static_cast<std::uint8_t>(value >> 8);
    samples[i + 1] = static_cast<std::uint8_t>(value & 255);
  }
}

}  // namespace

int netpbm_bits(std::uint64_t maxval, const std::string& name) {
  if (maxval == 0 || maxval > kMostMaxval) {
    throw DamagedError(name + ": the header says that " + std::to_string(maxval) +
                       " is the largest sample; 1 to 65535 can be");
  }
  return maxval < 256 ? 8 : 16;
}

ImageFile netpbm_image(Image raw, int maxval, const std::string& name) {
  ImageFile file;
  file.image = std::move(raw);
  const std::int64_t full = full_range(file.image.bits);
  if (maxval == full) return file;
  bool sound = true;
  change_samples(file.image, [&](std::int64_t sample) {
    sound = sound && sample <= maxval;
    return scaled(sample, maxval, full);
  });
  if (!sound) {
    throw DamagedError(name + ": a sample is larger than the header's " + std::to_string(maxval));
  }
  file.metadata.push_back(
      {kMaxvalType,
       {static_cast<std::uint8_t>(maxval >> 8), static_cast<std::uint8_t>(maxval & 255)}});
  return file;
}

ImageFile netpbm_image(const FileView& file, std::size_t at, const Shape& shape, int maxval) {
  const int bits = netpbm_bits(static_cast<std::uint64_t>(maxval), file.name);
  const auto needed =
      static_cast<std::size_t>(shape.elements()) * static_cast<std::size_t>(bits / 8);
  const std::size_t there = file.size - at;
  if (there < needed) {
    throw TruncatedError(file.name + ": the header promises " + std::to_string(needed) +
                         " bytes of samples, but only " + std::to_string(there) + " follow");
  }
  Image raw;
  raw.shape = shape;
  raw.bits = bits;
  raw.samples.assign(file.data + at, file.data + at + needed);
  return netpbm_image(std::move(raw), maxval, file.name);
}

int netpbm_maxval(const Metadata& metadata, const Image& image) {
  const std::int64_t full = full_range(image.bits);
  for (const auto& item : metadata) {
    if (item.type != kMaxvalType || item.data.size() != 2) continue;
    const int maxval = item.data[0] * 256 + item.data[1];
    if (maxval == 0 || (maxval < 256 ? 8 : 16) != image.bits) continue;
    Image again = image;
    change_samples(again, [&](std::int64_t sample) {
      return scaled(scaled(sample, full, maxval), maxval, full);
    });
    if (again == image) return maxval;
  }
  return static_cast<int>(full);
}

Bytes netpbm_samples(const Image& image, int maxval) {
  const std::int64_t full = full_range(image.bits);
  if (maxval == full) return image.samples;
  Image raw = image;
  change_samples(raw, [&](std::int64_t sample) { return scaled(sample, full, maxval); });
  return raw.samples;
}

void add_netpbm_comment(const Bytes& lines, ImageFile* file) {
  if (lines.empty()) return;
  Bytes text;
  bool start = true;  // of a line, where a blank may follow the "#"
  for (const std::uint8_t c : lines) {
    if (!(start && c == ' ')) text.push_back(c);
    start = c == '\n';
  }
  if (text.back() == '\n') text.pop_back();
  file->metadata.push_back(comment_item(std::move(text)));
}

std::string netpbm_comments(const Metadata& metadata) {
  std::string lines;
  for (const MetadataItem& item : metadata) {
    const auto text = comment_of(item);
    if (!text) continue;
    lines += "# ";
    std::uint8_t before = 0;
    for (const std::uint8_t c : *text) {
      // Readers end a comment at a carriage return too.
      if (c == '\r' || (c == '\n' && before != '\r')) lines += "\n# ";
      if (c != '\r' && c != '\n') lines += static_cast<char>(c);
      before = c;
    }
    lines += '\n';
  }
  return lines;
}

bool netpbm_keeps(const MetadataItem& item) {
  if (item.type == kMaxvalType) return true;
  // A carriage return would end a line, and a blank in front not come back.
  const auto text = comment_of(item);
  bool start = true;
  return text && std::none_of(text->begin(), text->end(), [&](std::uint8_t c) {
           const bool lost = c == '\r' || (start && c == ' ');
           start = c == '\n';
           return lost;
         });
}

}  // namespace pie

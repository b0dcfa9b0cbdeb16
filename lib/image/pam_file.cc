#include "lib/image/pam_file.h"

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <string>

#include "lib/base/error.h"

namespace pie {
namespace {

// Of images with one channel, two, ...
constexpr std::array<const char*, 4> kTupleTypes = {"GRAYSCALE", "GRAYSCALE_ALPHA", "RGB",
                                                    "RGB_ALPHA"};

struct Parsed {
  ImageHeader header;
  std::size_t samples_at = 0;
};

// The number behind a key such as "WIDTH".
std::uint64_t number(const std::map<std::string, std::string>& fields, const std::string& key,
                     const std::string& name) {
  const auto found = fields.find(key);
  const std::string text = found == fields.end() ? "" : found->second;
  if (text.empty() || text.size() > 10 ||
      text.find_first_not_of("0123456789") != std::string::npos) {
    throw DamagedError(name + ": the PAM header lacks a sound " + key);
  }
  return std::stoull(text);
}

// The fields of the header, each a line of a key and a value, and where the samples begin.
std::map<std::string, std::string> parse_fields(const FileView& file, std::size_t* samples_at) {
  std::map<std::string, std::string> fields;
  const std::uint8_t* end = file.data + file.size;
  for (const std::uint8_t* at = file.data + 3;;) {
    const std::uint8_t* line_end = std::find(at, end, '\n');
    if (line_end == end) throw TruncatedError(file.name + ": the PAM header ends early");
    std::istringstream words(std::string(at, line_end));
    at = line_end + 1;
    std::string key, value;
    words >> key >> value;
    if (key == "ENDHDR") {
      *samples_at = static_cast<std::size_t>(at - file.data);
      return fields;
    }
    if (!key.empty() && key[0] != '#') fields[key] = value;
  }
}

Parsed parse_header(const FileView& file, std::uint64_t max_pixels) {
  Parsed parsed;
  const auto fields = parse_fields(file, &parsed.samples_at);
  const std::uint64_t width = number(fields, "WIDTH", file.name);
  const std::uint64_t height = number(fields, "HEIGHT", file.name);
  const std::uint64_t depth = number(fields, "DEPTH", file.name);
  const std::uint64_t largest = number(fields, "MAXVAL", file.name);
  check_dimensions(width, height, max_pixels, file.name);
  if (largest != 255 && largest != 65535) {
    throw UnsupportedError(file.name + ": a PAM file with the largest value " +
                           std::to_string(largest) + "; only 255 and 65535 can be kept exactly");
  }
  const auto type = fields.find("TUPLTYPE");
  if (depth < 1 || depth > kTupleTypes.size() ||
      (type != fields.end() && type->second != kTupleTypes[static_cast<std::size_t>(depth - 1)])) {
    throw UnsupportedError(file.name + ": a PAM file with tuples of " + std::to_string(depth) +
                           " samples" + (type == fields.end() ? "" : " (" + type->second + ")") +
                           "; convert it to gray or RGB");
  }
  parsed.header.shape = {static_cast<std::int64_t>(depth), static_cast<std::int64_t>(height),
                         static_cast<std::int64_t>(width)};
  parsed.header.bits = largest == 255 ? 8 : 16;
  return parsed;
}

}  // namespace

bool is_pam(const FileView& file) { return file.starts_with("P7\n", 3); }

ImageHeader probe_pam(const FileView& file, std::uint64_t max_pixels) {
  return parse_header(file, max_pixels).header;
}

ImageFile decode_pam(const FileView& file, std::uint64_t max_pixels) {
  const Parsed parsed = parse_header(file, max_pixels);
  const auto needed = static_cast<std::size_t>(parsed.header.shape.elements()) *
                      (parsed.header.bits == 16 ? std::size_t{2} : 1);
  const std::size_t there = file.size - parsed.samples_at;
  if (there < needed) {
    throw TruncatedError(file.name + ": the PAM header promises " + std::to_string(needed) +
                         " bytes of samples, but only " + std::to_string(there) + " follow");
  }
  ImageFile result;
  result.image.shape = parsed.header.shape;
  result.image.bits = parsed.header.bits;
  const std::uint8_t* samples = file.data + parsed.samples_at;
  result.image.samples.assign(samples, samples + needed);
  if (is_pam({samples + needed, there - needed, file.name})) {
    result.dropped.push_back("further images");
  }
  return result;
}

Bytes encode_pam(const Image& image) {
  const Shape& shape = image.shape;
  const std::string header =
      "P7\nWIDTH " + std::to_string(shape.width) + "\nHEIGHT " + std::to_string(shape.height) +
      "\nDEPTH " + std::to_string(shape.channels) + "\nMAXVAL " +
      (image.bits == 16 ? "65535" : "255") + "\nTUPLTYPE " +
      kTupleTypes.at(static_cast<std::size_t>(shape.channels - 1)) + "\nENDHDR\n";
  Bytes file(header.begin(), header.end());
  file.insert(file.end(), image.samples.begin(), image.samples.end());
  return file;
}

}  // namespace pie

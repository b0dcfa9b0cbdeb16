#include "lib/image/pam_file.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/image/netpbm.h"

namespace pie {
namespace {

// Of images with one channel, two, ...; black and white is gray with samples up to 1.
constexpr std::array<const char*, 4> kTupleTypes = {"GRAYSCALE", "GRAYSCALE_ALPHA", "RGB",
                                                    "RGB_ALPHA"};
constexpr std::array<const char*, 2> kBilevelTypes = {"BLACKANDWHITE", "BLACKANDWHITE_ALPHA"};

struct Parsed {
  ImageHeader header;
  int maxval = 0;
  std::size_t samples_at = 0;
  Bytes comments;  // a line each
};

const char* type_of(int maxval, std::size_t depth) {
  return maxval == 1 && depth <= kBilevelTypes.size() ? kBilevelTypes.at(depth - 1)
                                                      : kTupleTypes.at(depth - 1);
}

bool is_type_of(const std::string& type, std::size_t depth) {
  return type == kTupleTypes.at(depth - 1) ||
         (depth <= kBilevelTypes.size() && type == kBilevelTypes.at(depth - 1));
}

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
std::map<std::string, std::string> parse_fields(const FileView& file, Parsed* parsed) {
  std::map<std::string, std::string> fields;
  const std::uint8_t* end = file.data + file.size;
  for (const std::uint8_t* at = file.data + 3;;) {
    const std::uint8_t* line_end = std::find(at, end, '\n');
    if (line_end == end) throw TruncatedError(file.name + ": the PAM header ends early");
    if (*at == '#') parsed->comments.insert(parsed->comments.end(), at + 1, line_end + 1);
    const auto words = words_of(std::string(at, line_end));
    at = line_end + 1;
    if (words.empty()) continue;
    const auto& key = words[0];
    if (key == "ENDHDR") {
      parsed->samples_at = static_cast<std::size_t>(at - file.data);
      return fields;
    }
    if (key[0] != '#') fields[key] = words.size() > 1 ? words[1] : "";
  }
}

Parsed parse_header(const FileView& file, std::uint64_t max_pixels) {
  Parsed parsed;
  const auto fields = parse_fields(file, &parsed);
  const std::uint64_t width = number(fields, "WIDTH", file.name);
  const std::uint64_t height = number(fields, "HEIGHT", file.name);
  const std::uint64_t depth = number(fields, "DEPTH", file.name);
  const std::uint64_t largest = number(fields, "MAXVAL", file.name);
  check_dimensions(width, height, max_pixels, file.name);
  const auto type = fields.find("TUPLTYPE");
  if (depth < 1 || depth > kTupleTypes.size() ||
      (type != fields.end() && !is_type_of(type->second, static_cast<std::size_t>(depth)))) {
    throw UnsupportedError(file.name + ": a PAM file with tuples of " + std::to_string(depth) +
                           " samples" + (type == fields.end() ? "" : " (" + type->second + ")") +
                           "; convert it to gray or RGB");
  }
  parsed.header.shape = {static_cast<std::int64_t>(depth), static_cast<std::int64_t>(height),
                         static_cast<std::int64_t>(width)};
  parsed.header.bits = netpbm_bits(largest, file.name);
  parsed.maxval = static_cast<int>(largest);
  return parsed;
}

}  // namespace

bool is_pam(const FileView& file) { return file.starts_with("P7\n", 3); }

ImageHeader probe_pam(const FileView& file, std::uint64_t max_pixels) {
  return parse_header(file, max_pixels).header;
}

ImageFile decode_pam(const FileView& file, std::uint64_t max_pixels) {
  const Parsed parsed = parse_header(file, max_pixels);
  ImageFile result = netpbm_image(file, parsed.samples_at, parsed.header.shape, parsed.maxval);
  const std::size_t end = parsed.samples_at + result.image.samples.size();
  result.drop_behind(file, end);
  add_netpbm_comment(parsed.comments, &result);
  return result;
}

Bytes encode_pam(const Image& image, const Metadata& metadata) {
  const int maxval = netpbm_maxval(metadata, image);
  const Shape& shape = image.shape;
  const std::string header =
      "P7\n" + netpbm_comments(metadata) + "WIDTH " + std::to_string(shape.width) + "\nHEIGHT " +
      std::to_string(shape.height) + "\nDEPTH " + std::to_string(shape.channels) + "\nMAXVAL " +
      std::to_string(maxval) + "\nTUPLTYPE " +
      type_of(maxval, static_cast<std::size_t>(shape.channels)) + "\nENDHDR\n";
  Bytes file(header.begin(), header.end());
  const Bytes samples = netpbm_samples(image, maxval);
  file.insert(file.end(), samples.begin(), samples.end());
  return file;
}

}  // namespace pie

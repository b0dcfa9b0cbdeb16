// The reader of one image format, PIE_FUZZ_FORMAT in the table of formats.
#include <algorithm>

#include "lib/image/image_format.h"
#include "tests/fuzz/target.h"

namespace pie {
namespace {

constexpr std::uint64_t kMostPixels = 1U << 18;

const ImageFormat& format(const std::string& name) {
  return *std::find_if(image_formats().begin(), image_formats().end(),
                       [&](const ImageFormat& f) { return f.name == name; });
}

// A writer's file gives the image and its metadata again.
void require_round_trip(const ImageFormat& writer, const ImageFile& file) {
  const Bytes bytes = writer.encode(file.image, file.metadata);
  const ImageFile again = writer.decode({bytes.data(), bytes.size(), "again"}, kMostPixels);
  require(again.image.shape == file.image.shape && again.image.bits == file.image.bits &&
          again.image.samples == file.image.samples);
}

void read_file_of(const ImageFormat& reader, const FileView& view) {
  ImageHeader header;
  ImageFile file;
  const bool probed = succeeds([&] { header = reader.probe(view, kMostPixels); });
  if (!succeeds([&] { file = reader.decode(view, kMostPixels); })) return;
  require(probed && header.shape == file.image.shape && header.bits == file.image.bits);
  require(file.image.samples.size() ==
          static_cast<std::size_t>(file.image.shape.height) * file.image.row_bytes());
  std::size_t metadata = 0;
  for (const MetadataItem& item : file.metadata) {
    require(is_metadata_type(item.type));
    metadata += metadata_bytes(item);
  }
  require(metadata <= kMostMetadata);
  for (const ImageFormat& writer : image_formats()) {
    if (writer.can_hold(file.image)) require_round_trip(writer, file);
  }
}

}  // namespace
}  // namespace pie

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const pie::ImageFormat& reader = pie::format(PIE_FUZZ_FORMAT);
  const pie::FileView view{data, size, "fuzz"};
  if (!reader.is(view)) return -1;
  pie::read_file_of(reader, view);
  return 0;
}

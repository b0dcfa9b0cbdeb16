// Data sets: any number of images in files, folders and archives, under one index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/shard.h"
#include "lib/image/image.h"
#include "lib/image/image_batch.h"
#include "lib/image/image_file.h"
#include "lib/image/slice.h"

namespace pie {

// An image or a file that was passed over, and why.
struct SkippedInput {
  std::string name;
  std::string cause;  // the error's message, which names the file
};

// Says so on stderr.
void warn_of(const SkippedInput& input);

struct SourceOptions {
  // Descend into the folders of a folder (symbolic links to folders are not followed).
  bool recursive = false;
  // Pass over what cannot be read, and remember it, instead of throwing. Costs a look at the
  // beginning of every file when the source is opened.
  bool lenient = false;
  // Hold the images of archives in memory, to be read in any order. Otherwise they are read from
  // their files each time, which is meant for one pass from front to back.
  bool hold_archives = true;
  // Only one of equal parts of the images, in their order.
  Shard shard;
  // The largest image accepted, in pixels.
  std::uint64_t max_pixels = kMaxPixels;
  // Decoded images of files to keep in memory, in bytes. The first ones loaded stay, which for
  // passes in any order is as good as a cache gets. 0 suits tools that see each image once.
  std::uint64_t cache_bytes = 0;
  // Called once for each input passed over, from the thread that met it.
  std::function<void(const SkippedInput&)> on_skip = warn_of;
};

// Images from a list of paths, in the order of the list. A path is
// - an image file (anything read_image reads),
// - a folder: its image files, told by suffix, sorted by name bytewise; hidden ones are left out,
//   and what cannot be read of it is passed over, remembered as skipped,
// - an IDX file, plain or gzip (told by content), or a CIFAR-10 file (told by ".bin" and its size),
// - "-" or a pipe: one of the former except a folder or CIFAR, read from there,
// each optionally followed by a slice of its images, [begin:end], [begin:], [:end] or [index],
// which means what it means in Python: "train-images-idx3-ubyte.gz[-5000:]" is its last 5,000.
//
// Image files are read when they are asked for, so a folder may be larger than memory. Reading from
// several threads is safe.
class ImageSource {
 public:
  // Opens `paths`. Throws UsageError if a slice or the shard selects nothing or there are no paths,
  // OperationError if a path does not exist, cannot be read or is a folder without images, and what
  // the readers throw if an archive is damaged. Image files are not opened unless lenient; then
  // only "nothing readable at all" and usage errors are thrown.
  explicit ImageSource(const std::vector<std::string>& paths, SourceOptions options = {});
  explicit ImageSource(const std::vector<SlicedInput>& inputs, SourceOptions options = {});
  ~ImageSource();
  ImageSource(ImageSource&&) noexcept;
  ImageSource& operator=(ImageSource&&) noexcept;

  // The number of images.
  std::size_t size() const;

  // What image `i` is called in messages: its path, and for one of an archive "PATH[index]".
  // These and the following throw UsageError if there is no image `i`.
  std::string name(std::size_t i) const;

  // Shape and depth of image `i`, for a file from its beginning. Throws like probe_image.
  ImageHeader header(std::size_t i) const;
  Shape shape(std::size_t i) const { return header(i).shape; }

  // Image `i`, or image `i` with what its file held besides. Throws like read_image.
  Image load(std::size_t i) const;
  ImageFile load_file(std::size_t i) const;

  // Image `i`; if it cannot be read, and the source is lenient, nothing, and it is remembered as
  // skipped. Throws like load if strict.
  std::optional<Image> try_load(std::size_t i) const;

  // Images from `first` on as they were read: at least one and at most `most`, all of one part.
  // What a file held besides goes to `besides`, whose image is left empty. Throws like read_image.
  ImageBatch load_batch(std::size_t first, std::size_t most, ImageFile* besides) const;

  // Writes image `i` in planar order to `to`, which has room for `required.elements()` bytes.
  // Throws like load, ShapeError naming the image if it has another shape or 16 bits: nothing is
  // ever stretched to fit.
  void load_planar(std::size_t i, const Shape& required, std::uint8_t* to) const;

  // The labels of these images, if they stand in the same file; else empty.
  Bytes own_labels(std::size_t first, std::size_t count) const;

  // The label of every image: from `label_path` if given (an IDX file, whose slice, if it has none
  // of its own, is that of the images), else from the CIFAR records or the sibling file of each IDX
  // file. Throws UsageError if there are none, or not as many as images; fewer in `label_path` are
  // those of the first images if `of_first_only` allows it.
  Bytes labels(const std::string& label_path = "", bool of_first_only = false) const;

  // One input path, in order: which of the source's images it holds.
  struct Part {
    std::string path;       // without the slice
    std::size_t first = 0;  // index of its first image in the source
    std::size_t count = 0;
    bool archive = false;  // IDX or CIFAR: images of one shape that belong together
  };
  const std::vector<Part>& parts() const;

  // What was passed over so far.
  std::vector<SkippedInput> skipped() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pie

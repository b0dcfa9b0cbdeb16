#include "lib/image/image_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "lib/base/error.h"
#include "lib/image/cifar.h"
#include "lib/image/gzip.h"
#include "lib/image/idx.h"
#include "lib/image/image_io.h"
#include "lib/image/slice.h"

namespace pie {
namespace {

namespace fs = std::filesystem;

// The image files below one input path, or the archive that it is.
struct Content {
  std::vector<std::string> files;
  std::optional<Bytes> stream;      // an image file that could be read only once
  std::optional<ImageSet> archive;  // the selected images
  std::optional<Bytes> labels;      // of the selected images, if they came with them
  std::size_t whole = 0;            // images before slicing
  IndexRange range;                 // the selected ones of those
  std::size_t size() const { return range.size(); }
};

bool is_hidden(const fs::path& path) {
  const std::string name = path.filename().string();
  return !name.empty() && name[0] == '.';
}

template <typename Iterator>
void collect_files(Iterator it, const std::string& folder, std::vector<std::string>* files) {
  std::error_code error;
  for (; it != Iterator(); it.increment(error)) {
    if (is_hidden(it->path())) {
      if constexpr (std::is_same_v<Iterator, fs::recursive_directory_iterator>) {
        it.disable_recursion_pending();
      }
      continue;
    }
    std::error_code ignored;
    const std::string path = it->path().string();
    if (has_image_suffix(path) && it->is_regular_file(ignored)) files->push_back(path);
  }
  if (error) throw OperationError(folder + ": " + error.message());
}

std::vector<std::string> list_folder(const std::string& folder, bool recursive) {
  std::vector<std::string> files;
  std::error_code error;
  if (recursive) {
    const auto options = fs::directory_options::skip_permission_denied;
    fs::recursive_directory_iterator it(folder, options, error);
    if (!error) collect_files(std::move(it), folder, &files);
  } else {
    fs::directory_iterator it(folder, error);
    if (!error) collect_files(std::move(it), folder, &files);
  }
  if (error) throw OperationError(folder + ": " + error.message());
  if (files.empty()) {
    throw OperationError(folder + ": no image files in this folder" +
                         (recursive ? "" : "; its own folders are searched with -r"));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Enough of a file to tell what it is.
Bytes read_beginning(const std::string& path) {
  constexpr std::size_t kBytes = 1 << 10;
  Bytes beginning(kBytes);
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw OperationError(path + ": cannot be opened: " + std::strerror(errno));
  stream.read(reinterpret_cast<char*>(beginning.data()), kBytes);
  beginning.resize(static_cast<std::size_t>(stream.gcount()));
  return beginning;
}

[[noreturn]] void refuse_shape(const std::string& name, const ImageHeader& header,
                               const Geometry& required) {
  const std::string depth = header.bits == 8 ? "" : std::to_string(header.bits) + "-bit ";
  throw ShapeError(name + ": is " + depth + to_string(header.geometry) + ", but " +
                   (header.bits == 8 ? "" : "8-bit ") + to_string(required) +
                   " is required (channels x height x width)");
}

// Applies the user's slice to `content`, whose `whole` is set.
void select(const std::optional<Slice>& slice, const std::string& path, Content* content) {
  content->range =
      slice ? resolve_slice(*slice, content->whole, path) : IndexRange{0, content->whole};
  if (content->size() == 0) throw UsageError(path + ": holds no images");
}

void keep_archive(ImageSet images, std::optional<Bytes> labels, const SlicedPath& input,
                  Content* content) {
  content->whole = images.size();
  select(input.slice, input.path, content);
  const IndexRange& range = content->range;
  if (range.size() == content->whole) {
    content->archive = std::move(images);
  } else {
    content->archive = images.slice(range.begin, range.end);
  }
  if (labels) {
    content->labels = Bytes(labels->begin() + static_cast<std::ptrdiff_t>(range.begin),
                            labels->begin() + static_cast<std::ptrdiff_t>(range.end));
  }
}

void refuse_other_gzip(const Bytes& beginning, const std::string& path) {
  if (is_gzip(beginning.data(), beginning.size())) {
    throw UnsupportedError(path + ": a gzip file that holds no IDX data; decompress it first");
  }
}

Content open_content(const SlicedPath& input, const SourceOptions& options) {
  Content content;
  const std::string& path = input.path;
  const std::string shown = input_name(path);
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (path == "-" ||
      (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status))) {
    Bytes bytes = read_file(path);
    if (is_idx(bytes.data(), bytes.size())) {
      keep_archive(decode_idx_images(bytes, shown), std::nullopt, input, &content);
      return content;
    }
    refuse_other_gzip(bytes, shown);
    content.files.push_back(shown);
    content.stream = std::move(bytes);
  } else if (fs::is_directory(status)) {
    content.files = list_folder(path, options.recursive);
  } else {
    if (!fs::exists(status)) {
      throw OperationError(
          path + ": " +
          (status.type() == fs::file_type::not_found ? "no such file or folder" : error.message()));
    }
    const Bytes beginning = read_beginning(path);
    if (is_idx(beginning.data(), beginning.size())) {
      keep_archive(read_idx_images(path), std::nullopt, input, &content);
      return content;
    }
    if (is_cifar(path, fs::file_size(path, error)) && !error) {
      LabeledImages records = read_cifar(path);
      keep_archive(std::move(records.images), std::move(records.labels), input, &content);
      return content;
    }
    refuse_other_gzip(beginning, path);
    content.files.push_back(path);
  }
  content.whole = content.files.size();
  select(input.slice, path, &content);
  const auto first = content.files.begin();
  content.files = std::vector<std::string>(first + static_cast<std::ptrdiff_t>(content.range.begin),
                                           first + static_cast<std::ptrdiff_t>(content.range.end));
  return content;
}

}  // namespace

struct ImageSource::State {
  // Where image `i` of the source is.
  struct Place {
    const Part& part;
    const Content& content;
    std::size_t index;  // within the content
  };

  Place place(std::size_t i) const {
    if (i >= total) {
      throw UsageError("there is no image " + std::to_string(i) + " among " +
                       std::to_string(total) + " (they count from 0)");
    }
    const auto after =
        std::upper_bound(parts.begin(), parts.end(), i,
                         [](std::size_t index, const Part& part) { return index < part.first; });
    const std::size_t p = static_cast<std::size_t>(after - parts.begin()) - 1;
    return {parts[p], contents[p], i - parts[p].first};
  }

  void skip(const std::string& name, const std::string& cause) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!skipped_names.insert(name).second) return;
      skipped.push_back({name, cause});
    }
    if (options.on_skip) options.on_skip({name, cause});
  }

  ImageHeader probe(const Content& content, std::size_t index) const {
    const std::string& path = content.files[index];
    return content.stream ? probe_image(*content.stream, path, options.max_pixels)
                          : probe_image(path, options.max_pixels);
  }

  // Image `i` if it is kept in memory, where it then stays unchanged.
  const Image* find_cached(std::size_t i) {
    if (options.cache_bytes == 0) return nullptr;
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = cache.find(i);
    return found == cache.end() ? nullptr : &found->second;
  }

  // Keeps a decoded image if there is room.
  void keep(std::size_t i, const Image& image) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (image.samples.size() > options.cache_bytes - cached_bytes) return;
    if (cache.emplace(i, image).second) cached_bytes += image.samples.size();
  }

  // Removes the files that cannot even be recognised.
  void drop_unreadable(Content* content) {
    std::vector<std::string> readable;
    for (std::size_t i = 0; i < content->files.size(); ++i) {
      try {
        probe(*content, i);
        readable.push_back(content->files[i]);
      } catch (const Error& error) {
        skip(content->files[i], error.what());
      }
    }
    content->files = std::move(readable);
  }

  void add(const std::string& text) {
    const SlicedPath input = parse_sliced_path(text);
    Content content;
    try {
      content = open_content(input, options);
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {
      if (!options.lenient) throw;
      skip(input.path, error.what());
      return;
    }
    if (options.lenient) drop_unreadable(&content);
    Part part;
    part.path = input.path;
    part.first = total;
    part.archive = content.archive.has_value();
    part.count = part.archive ? content.size() : content.files.size();
    if (part.count == 0) return;
    total += part.count;
    parts.push_back(std::move(part));
    contents.push_back(std::move(content));
  }

  SourceOptions options;
  std::vector<Part> parts;
  std::vector<Content> contents;  // one for each part
  std::size_t total = 0;

  std::mutex mutex;  // guards all below
  std::vector<SkippedInput> skipped;
  std::set<std::string> skipped_names;
  std::unordered_map<std::size_t, Image> cache;
  std::uint64_t cached_bytes = 0;
};

ImageSource::ImageSource(const std::vector<std::string>& paths, SourceOptions options)
    : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  if (paths.empty()) throw UsageError("no images given");
  for (const std::string& path : paths) state_->add(path);
  if (state_->total == 0) {
    throw OperationError("none of the images given can be read; the first failed with: " +
                         state_->skipped.front().cause);
  }
}

ImageSource::~ImageSource() = default;
ImageSource::ImageSource(ImageSource&&) noexcept = default;
ImageSource& ImageSource::operator=(ImageSource&&) noexcept = default;

std::size_t ImageSource::size() const { return state_->total; }

std::string ImageSource::name(std::size_t i) const {
  const State::Place place = state_->place(i);
  if (!place.content.archive) return place.content.files[place.index];
  return place.part.path + "[" + std::to_string(place.content.range.begin + place.index) + "]";
}

ImageHeader ImageSource::header(std::size_t i) const {
  if (const Image* cached = state_->find_cached(i)) return {cached->geometry, cached->bits};
  const State::Place place = state_->place(i);
  if (place.content.archive) return {place.content.archive->geometry(), 8};
  return state_->probe(place.content, place.index);
}

ImageFile ImageSource::load_file(std::size_t i) const {
  const State::Place place = state_->place(i);
  if (place.content.archive) {
    ImageFile file;
    file.image = place.content.archive->image(place.index);
    file.format = "archive";
    return file;
  }
  const std::string& path = place.content.files[place.index];
  return place.content.stream
             ? decode_image(*place.content.stream, path, state_->options.max_pixels)
             : read_image(path, state_->options.max_pixels);
}

Image ImageSource::load(std::size_t i) const {
  if (const Image* cached = state_->find_cached(i)) return *cached;
  Image image = load_file(i).image;
  if (!state_->place(i).content.archive) state_->keep(i, image);
  return image;
}

std::optional<Image> ImageSource::try_load(std::size_t i) const {
  try {
    return load(i);
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    if (!state_->options.lenient) throw;
    state_->skip(name(i), error.what());
    return std::nullopt;
  }
}

Geometry ImageSource::common_geometry() const { return require_geometry(geometry(0)); }

Geometry ImageSource::require_geometry(const Geometry& required) const {
  for (const Part& part : state_->parts) {
    // The images of an archive are all alike.
    const std::size_t end = part.first + (part.archive ? 1 : part.count);
    for (std::size_t i = part.first; i < end; ++i) {
      const ImageHeader found = header(i);
      if (found.geometry != required || found.bits != 8) refuse_shape(name(i), found, required);
    }
  }
  return required;
}

void ImageSource::load_planar(std::size_t i, const Geometry& required, std::uint8_t* to) const {
  const State::Place place = state_->place(i);
  if (place.content.archive) {
    const ImageSet& images = *place.content.archive;
    if (images.geometry() != required) refuse_shape(name(i), {images.geometry(), 8}, required);
    std::copy_n(images.data(place.index), required.samples(), to);
    return;
  }
  const Image image = load(i);
  if (image.geometry != required || image.bits != 8) {
    refuse_shape(name(i), {image.geometry, image.bits}, required);
  }
  interleaved_to_planar(required, image.samples.data(), to);
}

ImageSet ImageSource::load_batch(const std::vector<std::size_t>& indices) const {
  if (indices.empty()) throw UsageError("a batch needs at least one image");
  ImageSet batch(geometry(indices[0]), indices.size());
  for (std::size_t k = 0; k < indices.size(); ++k) {
    load_planar(indices[k], batch.geometry(), batch.data(k));
  }
  return batch;
}

Bytes ImageSource::labels(const std::string& label_path, bool of_first_only) const {
  if (!label_path.empty()) {
    const SlicedPath input = parse_sliced_path(label_path);
    const Bytes all = read_idx_labels(input.path);
    IndexRange range{0, all.size()};
    if (input.slice) {
      range = resolve_slice(*input.slice, all.size(), input.path);
    } else if (state_->contents.size() == 1 && state_->contents[0].whole == all.size()) {
      range = state_->contents[0].range;
    }
    if (range.size() != size() && !(of_first_only && range.size() < size())) {
      throw UsageError(input.path + ": has " + std::to_string(range.size()) + " labels for " +
                       std::to_string(size()) + " images");
    }
    return Bytes(all.begin() + static_cast<std::ptrdiff_t>(range.begin),
                 all.begin() + static_cast<std::ptrdiff_t>(range.end));
  }
  Bytes result;
  for (std::size_t p = 0; p < state_->parts.size(); ++p) {
    const Content& content = state_->contents[p];
    const std::string& path = state_->parts[p].path;
    if (content.labels) {
      result.insert(result.end(), content.labels->begin(), content.labels->end());
      continue;
    }
    const std::optional<std::string> sibling =
        content.archive ? sibling_labels(path) : std::nullopt;
    if (!sibling) {
      throw UsageError(path + ": there is no label file beside it; name one with --labels");
    }
    const Bytes all = read_idx_labels(*sibling);
    if (all.size() != content.whole) {
      throw UsageError(*sibling + ": has " + std::to_string(all.size()) + " labels for the " +
                       std::to_string(content.whole) + " images of " + path);
    }
    result.insert(result.end(), all.begin() + static_cast<std::ptrdiff_t>(content.range.begin),
                  all.begin() + static_cast<std::ptrdiff_t>(content.range.end));
  }
  return result;
}

const std::vector<ImageSource::Part>& ImageSource::parts() const { return state_->parts; }

std::vector<SkippedInput> ImageSource::skipped() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->skipped;
}

}  // namespace pie

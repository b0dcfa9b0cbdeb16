#include "lib/image/image_source.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/folder.h"
#include "lib/base/log.h"
#include "lib/image/archive.h"
#include "lib/image/gzip.h"
#include "lib/image/idx.h"
#include "lib/image/image_io.h"

namespace pie {
namespace {

template <typename Values>
Values part_of(const Values& all, const IndexRange& range) {
  return Values(all.begin() + static_cast<std::ptrdiff_t>(range.begin),
                all.begin() + static_cast<std::ptrdiff_t>(range.end));
}

// The image files of one input, or the archive that it is.
struct Content {
  std::vector<Input> files;
  std::unique_ptr<Archive> archive;
  std::optional<ImageSet> held;  // the selected images of the archive
  std::optional<Bytes> labels;   // of the selected images, if they came with them
  std::size_t whole = 0;         // images before slicing
  IndexRange range;              // the selected ones of those
  std::size_t size() const { return archive ? range.size() : files.size(); }
  // Leaves those of the selected images.
  void narrow(const IndexRange& to) {
    if (labels) labels = part_of(*labels, to);
    if (!archive) files = part_of(files, to);
    range = {range.begin + to.begin, range.begin + to.end};
  }
};

using OnSkip = std::function<void(const SkippedInput&)>;

std::vector<Input> list_folder(const std::string& folder, bool recursive, const OnSkip& skip) {
  const auto files = list_files(folder, recursive, has_image_suffix,
                                [&skip](const std::string& path, const std::string& cause) {
                                  skip({path, path + ": " + cause});
                                });
  if (files.empty()) {
    throw OperationError(folder + ": no image files in this folder" +
                         (recursive ? "" : "; the folders in it were not searched"));
  }
  return std::vector<Input>(files.begin(), files.end());
}

[[noreturn]] void refuse_shape(const std::string& name, const ImageHeader& header,
                               const Shape& required) {
  const std::string depth = header.bits == 8 ? "" : std::to_string(header.bits) + "-bit ";
  throw ShapeError(name + ": is " + depth + to_string(header.shape) + ", but " +
                   (header.bits == 8 ? "" : "8-bit ") + to_string(required) +
                   " is required (channels x height x width)");
}

// Applies the user's slice to `content`, whose `whole` is set.
void select(const std::optional<Slice>& slice, const std::string& path, Content* content) {
  content->range =
      slice ? resolve_slice(*slice, content->whole, path) : IndexRange{0, content->whole};
  if (content->size() == 0) throw UsageError(path + ": holds no images");
}

Content open_content(const SlicedInput& sliced, const SourceOptions& options, const OnSkip& skip) {
  const Input& input = sliced.input;
  Content content;
  if (!input.exists()) throw OperationError(input.name() + ": no such file or folder");
  if (input.is_folder()) {
    content.files = list_folder(input.path(), options.recursive, skip);
  } else if ((content.archive = open_archive(input))) {
    const auto& shape = content.archive->shape();
    check_dimensions(static_cast<std::uint64_t>(shape.width),
                     static_cast<std::uint64_t>(shape.height), options.max_pixels, input.name());
    content.whole = content.archive->size();
    select(sliced.slice, input.name(), &content);
    if (auto labels = content.archive->labels()) content.labels = part_of(*labels, content.range);
    return content;
  } else {
    const Bytes beginning = input.beginning(2);
    if (is_gzip(beginning.data(), beginning.size())) {
      throw UnsupportedError(input.name() +
                             ": a gzip file that holds no IDX data; decompress it first");
    }
    content.files.push_back(input);
  }
  content.whole = content.files.size();
  select(sliced.slice, input.name(), &content);
  content.files = part_of(content.files, content.range);
  return content;
}

}  // namespace

void warn_of(const SkippedInput& input) { log_warning(input.name, input.cause + "; passed over"); }

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

  // The images [begin, end) of an archive's selection.
  ImageSet read(const Content& content, std::size_t begin, std::size_t end) {
    if (content.held) return content.held->slice(begin, end);
    const std::lock_guard<std::mutex> lock(reading);
    return content.archive->read(content.range.begin + begin, content.range.begin + end);
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
    std::vector<Input> readable;
    for (const Input& file : content->files) {
      try {
        probe_image(file, options.max_pixels);
        readable.push_back(file);
      } catch (const Error& error) {
        skip(file.name(), error.what());
      }
    }
    content->files = std::move(readable);
  }

  void add(const SlicedInput& sliced) {
    Content content;
    try {
      content = open_content(sliced, options,
                             [this](const SkippedInput& input) { skip(input.name, input.cause); });
      if (options.shard.is_all()) hold(content);
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {
      if (!options.lenient) throw;
      skip(sliced.input.name(), error.what());
      return;
    }
    if (options.lenient) drop_unreadable(&content);
    if (content.size() == 0) return;
    keep(sliced.input.path(), std::move(content));
  }

  void keep(const std::string& path, Content content) {
    parts.push_back({path, total, content.size(), content.archive != nullptr});
    total += content.size();
    contents.push_back(std::move(content));
  }

  // Leaves the images of the shard.
  void narrow() {
    const auto [begin, end] = options.shard.range(total);
    if (begin == end) {
      throw UsageError("part " + std::to_string(options.shard.number) + " of " +
                       std::to_string(options.shard.count) + " holds none of the " +
                       std::to_string(total) + " images");
    }
    kept = {begin, end};
    const auto all_parts = std::exchange(parts, {});
    auto all_contents = std::exchange(contents, {});
    total = 0;
    for (std::size_t p = 0; p < all_parts.size(); ++p) {
      const auto& part = all_parts[p];
      const IndexRange left{std::clamp(begin, part.first, part.first + part.count) - part.first,
                            std::clamp(end, part.first, part.first + part.count) - part.first};
      if (left.size() == 0) continue;
      all_contents[p].narrow(left);
      hold(all_contents[p]);
      keep(part.path, std::move(all_contents[p]));
    }
  }

  // Reads an archive, if it is to be held.
  void hold(Content& content) const {
    if (!options.hold_archives || !content.archive) return;
    content.held = content.archive->read(content.range.begin, content.range.end);
  }

  SourceOptions options;
  std::vector<Part> parts;
  std::vector<Content> contents;  // one for each part
  std::size_t total = 0;
  std::size_t whole = 0;  // images of all shards
  IndexRange kept;        // which of those are this one's
  // Where there is one input, which of how many images it selects, for all shards.
  struct Selected {
    IndexRange range;
    std::size_t of;
  };
  std::optional<Selected> only;

  std::mutex reading;  // of archives that are not held

  std::mutex mutex;  // guards all below
  std::vector<SkippedInput> skipped;
  std::set<std::string> skipped_names;
  std::unordered_map<std::size_t, Image> cache;
  std::uint64_t cached_bytes = 0;
};

namespace {

std::vector<SlicedInput> parse_all(const std::vector<std::string>& paths) {
  std::vector<SlicedInput> inputs;
  inputs.reserve(paths.size());
  for (const std::string& path : paths) inputs.push_back(parse_sliced_input(path));
  return inputs;
}

}  // namespace

ImageSource::ImageSource(const std::vector<std::string>& paths, SourceOptions options)
    : ImageSource(parse_all(paths), std::move(options)) {}

ImageSource::ImageSource(const std::vector<SlicedInput>& inputs, SourceOptions options)
    : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  if (inputs.empty()) throw UsageError("no images given");
  for (const SlicedInput& input : inputs) state_->add(input);
  if (state_->total == 0) {
    throw OperationError("none of the images given can be read; the first failed with: " +
                         state_->skipped.front().cause);
  }
  state_->whole = state_->total;
  state_->kept = {0, state_->total};
  if (state_->contents.size() == 1) {
    state_->only = {state_->contents[0].range, state_->contents[0].whole};
  }
  if (!state_->options.shard.is_all()) state_->narrow();
}

ImageSource::~ImageSource() = default;
ImageSource::ImageSource(ImageSource&&) noexcept = default;
ImageSource& ImageSource::operator=(ImageSource&&) noexcept = default;

std::size_t ImageSource::size() const { return state_->total; }

std::string ImageSource::name(std::size_t i) const {
  const State::Place place = state_->place(i);
  if (!place.content.archive) return place.content.files[place.index].name();
  return place.part.path + "[" + std::to_string(place.content.range.begin + place.index) + "]";
}

ImageHeader ImageSource::header(std::size_t i) const {
  if (const Image* cached = state_->find_cached(i)) return {cached->shape, cached->bits};
  const State::Place place = state_->place(i);
  if (place.content.archive) return {place.content.archive->shape(), 8};
  return probe_image(place.content.files[place.index], state_->options.max_pixels);
}

ImageFile ImageSource::load_file(std::size_t i) const {
  const State::Place place = state_->place(i);
  if (!place.content.archive) {
    return read_image(place.content.files[place.index], state_->options.max_pixels);
  }
  ImageFile file;
  file.image = state_->read(place.content, place.index, place.index + 1).image(0);
  return file;
}

ImageBatch ImageSource::load_batch(std::size_t first, std::size_t most, ImageFile* besides) const {
  const State::Place place = state_->place(first);
  if (place.content.archive) {
    const std::size_t end = place.index + std::min(most, place.part.count - place.index);
    return ImageBatch(state_->read(place.content, place.index, end));
  }
  *besides = load_file(first);
  return ImageBatch(std::exchange(besides->image, {}));
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

void ImageSource::load_planar(std::size_t i, const Shape& required, std::uint8_t* to) const {
  const State::Place place = state_->place(i);
  if (place.content.held) {
    const ImageSet& images = *place.content.held;
    if (images.shape() != required) refuse_shape(name(i), {images.shape(), 8}, required);
    std::copy_n(images.data(place.index), required.elements(), to);
    return;
  }
  const Image image = load(i);
  if (image.shape != required || image.bits != 8) {
    refuse_shape(name(i), {image.shape, image.bits}, required);
  }
  interleaved_to_planar(required, image.samples.data(), to);
}

Bytes ImageSource::own_labels(std::size_t first, std::size_t count) const {
  const State::Place place = state_->place(first);
  if (!place.content.labels) return {};
  return part_of(*place.content.labels, {place.index, place.index + count});
}

Bytes ImageSource::labels(const std::string& label_path, bool of_first_only) const {
  if (!label_path.empty()) {
    const SlicedInput sliced = parse_sliced_input(label_path);
    const Bytes all = read_idx_labels(sliced.input);
    IndexRange range{0, all.size()};
    if (sliced.slice) {
      range = resolve_slice(*sliced.slice, all.size(), sliced.input.name());
    } else if (state_->only && state_->only->of == all.size()) {
      range = state_->only->range;
    }
    if (range.size() == state_->whole) {
      range = {range.begin + state_->kept.begin, range.begin + state_->kept.end};
    }
    if (range.size() != size() && !(of_first_only && range.size() < size())) {
      throw UsageError(sliced.input.name() + ": has " + std::to_string(range.size()) +
                       " labels for " + std::to_string(size()) + " images");
    }
    return part_of(all, range);
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
      throw UsageError(path + ": there is no label file beside it; name one");
    }
    const Bytes all = read_idx_labels(Input(*sibling));
    if (all.size() != content.whole) {
      throw UsageError(*sibling + ": has " + std::to_string(all.size()) + " labels for the " +
                       std::to_string(content.whole) + " images of " + path);
    }
    const Bytes selected = part_of(all, content.range);
    result.insert(result.end(), selected.begin(), selected.end());
  }
  return result;
}

const std::vector<ImageSource::Part>& ImageSource::parts() const { return state_->parts; }

std::vector<SkippedInput> ImageSource::skipped() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->skipped;
}

}  // namespace pie

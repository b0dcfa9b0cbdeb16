// The second half of pie-decode: code files or latents to images.
#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <set>

#include "lib/base/checksum.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/codec/codec.h"
#include "lib/codec/npy.h"
#include "lib/image/cifar.h"
#include "lib/image/gzip.h"
#include "lib/image/idx.h"
#include "lib/image/image_io.h"
#include "lib/model/model_store.h"
#include "tools/common/report.h"
#include "tools/common/run_main.h"
#include "tools/common/shard_option.h"
#include "tools/engine/commands.h"
#include "tools/engine/device.h"
#include "tools/engine/progress.h"
#include "tools/pie_decode.h"

namespace pie {
namespace {

// "5,10-20,dogs/*.png" as indices below `count`; everything if `text` is empty. `names`: of the
// images that have one, for what is no number.
std::vector<uint64_t> parse_selection(const std::string& text, uint64_t count,
                                      const std::map<uint64_t, std::string>& names = {}) {
  std::vector<uint64_t> indices;
  if (text.empty()) {
    for (uint64_t i = 0; i < count; ++i) indices.push_back(i);
    return indices;
  }
  const auto fail = [&] {
    return UsageError("--select takes indices and ranges below " + std::to_string(count) +
                      ", such as 5,10-20, and names of images in the file, such as *.png, not '" +
                      text + "'");
  };
  const auto number = [&](const std::string& digits) {
    if (digits.empty() || digits.size() > 18 ||
        digits.find_first_not_of("0123456789") != std::string::npos) {
      throw fail();
    }
    return std::stoull(digits);
  };
  for (const auto& part : parts_of(text + ",", ',')) {
    if (part.find_first_not_of("0123456789-") != std::string::npos) {
      const auto before = indices.size();
      for (const auto& [index, name] : names) {
        if (::fnmatch(part.c_str(), name.c_str(), 0) == 0) indices.push_back(index);
      }
      if (indices.size() == before) throw fail();
      continue;
    }
    const auto dash = part.find('-');
    const uint64_t first = number(part.substr(0, dash));
    const uint64_t last = dash == std::string::npos ? first : number(part.substr(dash + 1));
    if (first > last || last >= count) throw fail();
    for (uint64_t i = first; i <= last; ++i) indices.push_back(i);
  }
  return indices;
}

// Collects decoded images and writes them: one file, numbered files, or a stream.
class ImageWriter {
 public:
  // `set`: the input holds an archive; `named`: of files, whose names it knows.
  ImageWriter(const DecodeOptions& options, const CodeInput& input, bool set, bool named,
              size_t count, OutputPaths& outputs)
      : options_(options), outputs_(outputs), input_(input.path), set_(set), count_(count) {
    path_ = options.destination.path_for(
        image_name(without_suffix(input.name(), options.destination.suffix), set), input.root);
    if (!options.format.empty() && options.destination.file.empty() && path_ != "-") {
      std::filesystem::path path(without_suffix(path_, ".gz"));
      path_ = path.replace_extension(options.format).string();
    }
    const auto by_name = format_named_by(path_);  // none if it is stdout
    gzip_ = by_name.gzip;
    format_ = !options.format.empty() ? options.format
              : by_name.name.empty()  ? "pnm"
                                      : by_name.name;
    if (named && options.format.empty() && is_set_format(format_) &&
        !options.destination.folder.empty()) {
      format_ = "png";  // of those without a name
    }
    if (path_ != "-" && !options.destination.folder.empty()) {
      make_folder(std::filesystem::path(path_).parent_path().string());
    }
    numbered_ = !is_set_format(format_) && path_ != "-" && (count_ > 1 || set_) &&
                !options.destination.folder.empty();
    if (count_ > 1 && !is_set_format(format_) && path_ != "-" && !numbered_) {
      throw UsageError("holds " + std::to_string(count_) +
                       " images; write them with -O DIR, as "
                       "--format idx, or choose one with --select");
    }
    if (numbered_) return;
    outputs.claim(path_, input_);
    file_ = open_output(path_, options.destination.overwrite);
    file_->take_after(input_);  // before others can read what they may not
    if (gzip_) {
      compressed_.emplace([this](ByteSpan bytes) { file_->write(bytes.data, bytes.size); });
    }
  }

  void add(uint64_t index, const Image& image, const Member& member = {}) {
    if (format_ == kCifar) return add_to_cifar(image, member);
    if (format_ == kIdx) {
      keeps_all_ = keeps_all_ && member.tells_nothing();
      return add_to_idx(image);
    }
    if (!numbered_) {
      write(encoded(image, format_, member));
      status_ = member.status;
      return;
    }
    const auto name = name_of(index, image, member);
    outputs_.claim(name, input_);
    make_folder(std::filesystem::path(name).parent_path().string());
    const auto file = open_output(name, options_.destination.overwrite);
    file->write(encoded(image, suffix_of(name), member));
    file->restrict_to(input_);
    if (member.status) file->take(*member.status);
    file->commit();
  }

  // Puts the complete output in place. Returns whether files hold all that was added.
  bool finish() {
    if (file_) {
      if (compressed_) compressed_->finish();
      if (count_ == 1 && status_) file_->take(*status_);
      file_->commit();
    }
    if (path_ == "-") return false;
    if (lost_metadata_) {
      log_note(input_, "its colour profile, text or other metadata is only in PNG files");
    }
    log_detail(input_,
               std::to_string(count_) + " image(s) -> " + path_ + (numbered_ ? ", numbered" : ""));
    return keeps_all_ && !lost_metadata_ && (numbered_ || Input(path_).is_regular_file());
  }

 private:
  // Where an image of several goes: to its own name as it was, or with .png behind where its suffix
  // is not one that can be written; to a number where it has none, or another has it already.
  std::string name_of(uint64_t index, const Image& image, const Member& member) {
    const std::filesystem::path path(path_);
    char number[32];
    std::snprintf(number, sizeof number, "-%05llu.", static_cast<unsigned long long>(index));
    auto numbered = (path.parent_path() / (path.stem().string() + number + format_)).string();
    if (member.name.empty()) return numbered;
    std::filesystem::path name(image_name(member.name, false));
    if (!options_.format.empty()) {
      name.replace_extension(format_);
    } else if (!can_encode(image, suffix_of(name.string()))) {
      name += ".png";
    }
    if (names_.insert(name.string()).second) return (path.parent_path() / name).string();
    log_warning(input_, "has two images called " + name.string() + "; the second is " + numbered);
    keeps_all_ = false;
    return numbered;
  }

  Bytes encoded(const Image& image, const std::string& format, const Member& member) {
    lost_metadata_ = lost_metadata_ || !keeps_metadata(image, format, member.metadata);
    return encode_image(image, format, member.metadata);
  }

  void write(const Bytes& bytes) {
    if (compressed_) {
      compressed_->write(bytes);
    } else {
      file_->write(bytes);
    }
  }

  void add_to_cifar(const Image& image, const Member& member) {
    const auto label = label_of(member.metadata);
    if (!label) {
      throw UsageError(
          "holds no labels, which a CIFAR file has; write an IDX file, with --format idx");
    }
    keeps_all_ = keeps_all_ && member.name.empty() && member.metadata.size() == 1;
    write(cifar_record(image, *label));
  }

  void add_to_idx(const Image& image) {
    if (shape_.channels == 0) {
      shape_ = image.shape;
      write(idx_header(shape_, count_));
    }
    if (shape_ != image.shape || image.bits != 8) {
      throw UsageError(
          "holds images of different sizes or of 16 bits, which an IDX file cannot; use -O DIR, "
          "with --format png for images without names");
    }
    planar_.resize(image.samples.size());
    interleaved_to_planar(shape_, image.samples.data(), planar_.data());
    write(planar_);
  }

  const DecodeOptions& options_;
  OutputPaths& outputs_;
  std::string input_, path_, format_;
  bool set_, gzip_ = false, numbered_ = false, lost_metadata_ = false;
  bool keeps_all_ = true;  // what is known of files, but for metadata
  size_t count_;
  std::set<std::string> names_;       // of files that were written
  std::optional<FileStatus> status_;  // of the last image
  std::unique_ptr<OutputFile> file_;
  std::optional<GzipWriter> compressed_;  // writes to it
  Shape shape_;                           // of the images in an IDX file; none before the first
  Bytes planar_;                          // the image that is being written
};

class DecodeRun {
 public:
  DecodeRun(const CommonOptions& common, const DecodeOptions& options)
      : common_(common), options_(options) {
    for (const auto& input : options.files) outputs_.add_input(input.path);
    for (const auto& path : {options.model, options.latents}) outputs_.add_input(path);
    if (!options.model.empty()) remember(find_model(options.model));
  }

  ExitCode decode_file(const CodeInput& input) {
    const std::string& path = input.path;
    const RemovableInput removable(path);
    const CodeFile file(Input(path), common_.limits());
    size_t frames = file.frames().size();
    if (file.truncated() && !options_.allow_partial) {
      try {
        file.require_layers(options_.layers == 0 ? -1 : options_.layers);
      } catch (const TruncatedError& error) {
        throw TruncatedError(error.what() + how_to_rescue(file));
      }
    } else if (file.truncated()) {
      log_warning(path, "is cut; decoding the whole layers only");
      if (frames > 1 && file.frames().back().whole_layers() == 0) --frames;
    }
    if (options_.test_all) {
      if (!file.truncated()) file.check();
      std::vector<std::string> faults;
      for (size_t k = 0; k < frames; ++k) {
        const auto& frame = file.frames()[k];
        stored_members(frame, &faults);
        if (!faults.empty()) throw DamagedError(path + ": " + faults.front());
        decode(input, frame, parse_selection("", frame.header().images),
               [](uint64_t, const Image&) {});
      }
      log_detail(path, "decodes, and all hashes of symbols agree");
      return ExitCode::kOk;
    }
    uint64_t images = 0;
    std::vector<std::vector<Member>> members;  // of each frame
    std::map<uint64_t, std::string> names;     // of those images that have one
    std::vector<std::string> faults;
    for (size_t k = 0; k < frames; ++k) {
      members.push_back(stored_members(file.frames()[k], &faults));
      for (size_t i = 0; i < members[k].size(); ++i) {
        if (!members[k][i].name.empty()) names[images + i] = members[k][i].name;
      }
      images += file.frames()[k].header().images;
    }
    for (const auto& fault : faults) log_warning(path, fault);
    const bool set = frames > 1 || file.frames()[0].header().archive;
    const auto selection = selected(images, names, set);
    if (selection.empty()) return nothing_in(options_.shard);
    ImageWriter writer(options_, input, set, set && !names.empty(), selection.size(), outputs_);
    bool whole = faults.empty() && options_.shard.is_all();
    // The selection counts through the frames; each run of indices in one frame is decoded at once.
    for (size_t k = 0; k < selection.size();) {
      uint64_t first = 0;
      const auto* frame = file.frames().data();
      while (selection[k] - first >= frame->header().images) first += (frame++)->header().images;
      std::vector<uint64_t> indices;
      for (; k < selection.size() && selection[k] >= first &&
             selection[k] - first < frame->header().images;
           ++k) {
        indices.push_back(selection[k] - first);
      }
      const auto& known = members[static_cast<size_t>(frame - file.frames().data())];
      const auto notes = decode(input, *frame, indices, [&](uint64_t index, const Image& image) {
        writer.add(first + index, image, known.empty() ? Member() : known[index]);
      });
      if (!notes.complete) {
        log_warning(path, "is cut before its alpha channel or the low bytes of its samples");
      }
      for (const auto& warning : notes.warnings) log_warning(path, warning);
      whole = whole && notes.complete && notes.warnings.empty();
    }
    whole = writer.finish() && whole;
    if (options_.destination.remove) {
      if (whole) {
        removable.remove();
      } else {
        log_note(path, "is not removed: it holds more than was written");
      }
    }
    return ExitCode::kOk;
  }

  ExitCode decode_matrix() {
    if (models_.empty()) throw UsageError("--latents needs the model with -m");
    const auto z = read_npy(Input(options_.latents));
    const auto images = coder_for(models_.begin()->second)->from_latents(z);
    const auto selection = parse_selection(options_.select, images.size());
    ImageWriter writer(options_, {options_.latents, ""}, true, false, selection.size(), outputs_);
    for (const auto i : selection) writer.add(i, images.image(i));
    writer.finish();
    return ExitCode::kOk;
  }

 private:
  // The images to decode of an input that holds so many, some of which have names; `set` if that is
  // a set of images. Nothing where there is none for this part.
  std::vector<uint64_t> selected(uint64_t images, const std::map<uint64_t, std::string>& names,
                                 bool set) const {
    auto all = parse_selection(options_.select, images, names);
    if (options_.shard.is_all()) return all;
    std::set<std::string> known;
    for (const auto& [index, name] : names) {
      if (known.insert(name).second) continue;
      throw UsageError("has two images called " + name + ", which only --select can take apart");
    }
    const bool in_one = options_.format.empty() ? names.empty() : is_set_format(options_.format);
    if (set && in_one) require_own_output(options_.destination);
    const auto [first, last] = options_.shard.range(all.size());
    return {all.begin() + static_cast<std::ptrdiff_t>(first),
            all.begin() + static_cast<std::ptrdiff_t>(last)};
  }

  DecodingNotes decode(const CodeInput& input, const StoredFrame& frame,
                       const std::vector<uint64_t>& indices,
                       const std::function<void(uint64_t, const Image&)>& use) {
    int layers = options_.layers;
    if (layers == 0 && options_.allow_partial) {
      layers = frame.whole_layers();
      if (layers == 0) frame.require_layers(1);
    }
    Progress progress(common_, input.name());
    return decode_images(model_for(frame), frame, layers, indices, use,
                         [&progress](double done) { progress.show(done); });
  }

  const LoadedModel& remember(LoadedModel model) {
    const auto print = model.fingerprint;
    return models_.insert_or_assign(print, on_device(common_, std::move(model))).first->second;
  }

  const LoadedModel& model_for(const StoredFrame& frame) {
    if (frame.header().fingerprint == kFloorFingerprint) return floor_;
    // A model given with -m is the one to use; if it is another, decoding says so.
    if (!options_.model.empty()) return models_.begin()->second;
    const auto found = models_.find(frame.header().fingerprint);
    return found != models_.end() ? found->second
                                  : remember(find_model(frame.header().fingerprint));
  }

  const CommonOptions& common_;
  const DecodeOptions& options_;
  std::map<Fingerprint, LoadedModel> models_;
  const LoadedModel floor_ = floor_model();
  OutputPaths outputs_;
};

}  // namespace

int run_decode(const CommonOptions& common, const DecodeOptions& options) {
  DecodeRun run(common, options);
  if (!options.latents.empty()) {
    return static_cast<int>(run_for_file(options.latents, [&] { return run.decode_matrix(); }));
  }
  ExitCode worst = ExitCode::kOk;
  Json tested = Json::array();
  for (const auto& input : options.files) {
    const auto outcome = run_for_file(input.name(), [&] { return run.decode_file(input); });
    worst = worse(worst, outcome);
    tested.push_back({{"file", input.path}, {"ok", outcome == ExitCode::kOk}});
  }
  if (options.test_all && common.json) print_json(tested);
  return static_cast<int>(worst);
}

}  // namespace pie
